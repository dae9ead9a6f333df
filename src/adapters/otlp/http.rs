//! OTLP over HTTP: `POST /v1/traces`, `/v1/logs`, `/v1/metrics`, in Protocol Buffers or JSON.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN,
    RETRY_AFTER, VARY,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use prost::Message;

use super::body::{self, BodyError, LARGEST};
use super::grpc;
use super::message::RpcStatus;
use super::serve::{Answer, Shared, header};
use super::store::{Encoding, Refused, Signal};

/// Why a request is not taken.
struct Failure {
    status: StatusCode,
    why: String,
}

pub(super) async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Answer> {
    let origin = request.headers().get(ORIGIN).cloned();
    let is_here = origin.as_ref().is_none_or(is_of_this_machine);
    let encoding = encoding(request.headers());
    // Failures are told in the encoding of the request; who uses none of the two gets what people can read.
    let tell = encoding.unwrap_or(Encoding::Json);
    let mut answer = if !is_here {
        let why = "pages of other machines may not tell anything here".into();
        failed(
            Failure {
                status: StatusCode::FORBIDDEN,
                why,
            },
            tell,
        )
    } else if request.method() == Method::OPTIONS {
        preflight()
    } else {
        match signal(&request) {
            Ok(signal) => match taken(request, signal, encoding, shared).await {
                Ok(refused) => success(signal, refused, tell),
                Err(failure) => failed(failure, tell),
            },
            Err(failure) => failed(failure, tell),
        }
    };
    if let Some(origin) = origin.filter(|_| is_here) {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
    answer
}

fn signal(request: &Request<Incoming>) -> Result<Signal, Failure> {
    let path = request.uri().path();
    let signal = match path {
        "/v1/traces" => Signal::Traces,
        "/v1/logs" => Signal::Logs,
        "/v1/metrics" => Signal::Metrics,
        _ => {
            let status = StatusCode::NOT_FOUND;
            let path: String = path.chars().take(200).collect();
            let why = format!("{path} is not known: /v1/traces, /v1/logs and /v1/metrics are");
            return Err(Failure { status, why });
        }
    };
    if request.method() != Method::POST {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let why = format!("{path} wants POST");
        return Err(Failure { status, why });
    }
    Ok(signal)
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let kind = header(headers, &CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default();
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

async fn taken(
    request: Request<Incoming>,
    signal: Signal,
    encoding: Option<Encoding>,
    shared: &Shared,
) -> Result<Refused, Failure> {
    let Some(encoding) = encoding else {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let why = "Content-Type must be application/x-protobuf or application/json".into();
        return Err(Failure { status, why });
    };
    let coding = header(request.headers(), &CONTENT_ENCODING).to_owned();
    let held = body::read(request.into_body(), &shared.room).await;
    let held = held.map_err(not_taken)?;
    let body = body::unpack(held.bytes.clone(), &coding).map_err(not_taken)?;
    let refused = shared.store.take(signal, encoding, body);
    refused.map_err(|why| Failure {
        status: StatusCode::BAD_REQUEST,
        why,
    })
}

fn not_taken(error: BodyError) -> Failure {
    let (status, why) = match error {
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a request may have {LARGEST} bytes, packed and unpacked"),
        ),
        BodyError::NoRoom => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests at once".into(),
        ),
        BodyError::Lost(why) => (StatusCode::REQUEST_TIMEOUT, why),
        BodyError::UnknownCoding(coding) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the encoding {coding} is not known, only gzip and deflate are"),
        ),
        BodyError::Broken(why) => (StatusCode::BAD_REQUEST, why),
    };
    Failure { status, why }
}

fn success(signal: Signal, refused: Refused, encoding: Encoding) -> Response<Answer> {
    let body = match encoding {
        Encoding::Protobuf => grpc::response(refused).encode_to_vec(),
        Encoding::Json => {
            let rejected = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            let response = if refused.count == 0 {
                serde_json::json!({})
            } else {
                let count = refused.count.to_string();
                serde_json::json!({"partialSuccess": {rejected: count, "errorMessage": refused.why}})
            };
            response.to_string().into_bytes()
        }
    };
    with_body(StatusCode::OK, body, encoding)
}

fn failed(failure: Failure, encoding: Encoding) -> Response<Answer> {
    // `google.rpc.Code`: invalid argument, or unavailable where it can be tried again.
    let again = failure.status == StatusCode::SERVICE_UNAVAILABLE;
    let code = if again { 14 } else { 3 };
    let message = failure.why;
    let body = match encoding {
        Encoding::Protobuf => RpcStatus { code, message }.encode_to_vec(),
        Encoding::Json => serde_json::json!({"code": code, "message": message})
            .to_string()
            .into_bytes(),
    };
    let mut answer = with_body(failure.status, body, encoding);
    if again {
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if failure.status == StatusCode::METHOD_NOT_ALLOWED {
        let headers = answer.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
    }
    answer
}

/// What a browser asks before it sends a page's request.
fn preflight() -> Response<Answer> {
    let mut answer = with_body(StatusCode::NO_CONTENT, Vec::new(), Encoding::Json);
    let headers = answer.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "content-type, content-encoding, traceparent, tracestate, baggage",
        ),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}

/// Whether a page comes from this machine, as those of the front doors do.
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let origin = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok());
    origin.as_ref().and_then(Uri::host).is_some_and(|host| {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost"
            || host.ends_with(".localhost")
            || address.is_ok_and(|ip| ip.is_loopback())
    })
}

fn with_body(status: StatusCode, body: Vec<u8>, encoding: Encoding) -> Response<Answer> {
    let kind = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_may_tell() {
        for (origin, here) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("https://shop.localhost", true),
            ("https://example.com", false),
            ("http://localhost.example.com", false),
            ("null", false),
        ] {
            assert_eq!(
                is_of_this_machine(&HeaderValue::from_static(origin)),
                here,
                "{origin}"
            );
        }
    }
}
