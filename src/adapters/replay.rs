//! Sending a recorded request again, and what its answer has become.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, HOST};

use super::ask::ask;
use crate::stack::{HttpRequest, RequestBody};
use crate::telemetry::{Answer, BodyHead, Headers, TraceContext};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of its body is read.
const BODY_LIMIT: usize = 4 << 20;

/// The answer to a request that was sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// The answer.
    pub answer: Answer,
    /// How long it took.
    pub took: Duration,
    /// The trace that it made.
    pub trace: TraceContext,
}

/// Sends a request to this address, as a trace of its own, and reads the answer. Of the URL only what follows the host counts,
/// and the host is what the callee is told.
///
/// # Errors
/// What is wrong with the request, or why there was no answer.
pub async fn send(request: &HttpRequest, address: SocketAddr) -> Result<Replayed, String> {
    let trace = TraceContext::begin();
    let message = message(request, address, trace)?;
    let began = Instant::now();
    let asking = ask(address, message, PATIENCE, BODY_LIMIT);
    let answer = tokio::time::timeout(PATIENCE, asking)
        .await
        .map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))??;
    let took = began.elapsed();
    let headers = answer.headers.iter();
    Ok(Replayed {
        answer: Answer {
            status: Some(answer.status.as_u16()),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect::<Headers>(),
            body: answer.body,
            truncated: answer.cut,
        },
        took,
        trace,
    })
}

fn message(
    request: &HttpRequest,
    address: SocketAddr,
    trace: TraceContext,
) -> Result<Request<Full<Bytes>>, String> {
    let (_, rest) = request
        .url
        .split_once("://")
        .ok_or_else(|| format!("{} is no URL; write http://SERVICE/PATH", request.url))?;
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    let (body, kind) = match &request.body {
        RequestBody::Empty => (Bytes::new(), None),
        RequestBody::Text(text) => (Bytes::from(text.clone()), None),
        RequestBody::Json(json) => (Bytes::from(json.to_string()), Some("application/json")),
    };
    let mut message = Request::builder()
        .method(request.method.as_str())
        .uri(if path.starts_with('?') {
            format!("/{path}")
        } else {
            path.to_owned()
        })
        .header("traceparent", trace.to_string());
    let given = |name: &str| {
        request
            .headers
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("traceparent") {
            message = message.header(name, value);
        }
    }
    if !given("host") {
        message = message.header(HOST, address.to_string());
    }
    if !given("accept") {
        message = message.header(ACCEPT, "*/*");
    }
    if let Some(kind) = kind.filter(|_| !given("content-type")) {
        message = message.header("content-type", kind);
    }
    message
        .body(Full::new(body))
        .map_err(|error| format!("the request is wrong: {error}"))
}

/// What a relay keeps of an answer, to compare it with one that a relay kept: secrets masked, the beginning of the body.
pub fn as_kept(mut answer: Answer, mask: impl Fn(&str) -> String) -> Answer {
    const SECRET: [&str; 2] = ["set-cookie", "proxy-authorization"];
    answer.truncated |= answer.body.len() > BodyHead::MOST;
    answer.body.truncate(BodyHead::MOST);
    if let Ok(text) = std::str::from_utf8(&answer.body) {
        answer.body = mask(text).into_bytes();
    }
    let lines = answer.headers.iter().map(|(name, value)| {
        let is_secret = SECRET.contains(&name.to_ascii_lowercase().as_str());
        (
            name.to_owned(),
            if is_secret {
                "***".to_owned()
            } else {
                mask(value)
            },
        )
    });
    answer.headers = lines.collect();
    answer
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn request(url: &str, headers: &[(&str, &str)], body: RequestBody) -> HttpRequest {
        let pairs = headers.iter();
        HttpRequest {
            method: "POST".into(),
            url: url.into(),
            headers: pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<IndexMap<_, _>>(),
            body,
        }
    }

    #[tokio::test]
    async fn the_request_arrives_and_the_answer_comes_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"tea") {
                said.push(stream.read_u8().await.unwrap());
            }
            let answer = "HTTP/1.1 201 Created\r\nSet-Cookie: id=hunter2\r\nContent-Length: 7\r\n\r\nhunter2";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(said).unwrap()
        });
        let body = RequestBody::Text("tea".into());
        let headers = [("x-a", "1"), ("traceparent", "old")];
        let replayed = send(&request("http://web/orders?x=1", &headers, body), address)
            .await
            .unwrap();
        let said = server.await.unwrap().to_lowercase();
        assert!(said.starts_with("post /orders?x=1 http/1.1\r\n"), "{said}");
        assert!(
            said.contains("x-a: 1") && said.contains(&format!("host: {address}")),
            "{said}"
        );
        assert!(
            said.contains(&format!("traceparent: {}", replayed.trace)) && !said.contains("old")
        );
        assert_eq!(replayed.answer.status, Some(201));
        let kept = as_kept(replayed.answer, |text| text.replace("hunter2", "***"));
        assert_eq!(
            (kept.headers.get("set-cookie"), &*kept.body),
            (Some("***"), &b"***"[..])
        );
    }

    #[tokio::test]
    async fn what_is_wrong_is_said() {
        let nowhere = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        let refused = send(&request("http://web/", &[], RequestBody::Empty), nowhere).await;
        assert!(refused.unwrap_err().contains("refused"));
        for wrong in [
            request("web", &[], RequestBody::Empty),
            request("http://w/ /", &[], RequestBody::Empty),
        ] {
            assert!(send(&wrong, nowhere).await.is_err());
        }
    }
}
