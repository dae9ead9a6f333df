//! Messages that one reader takes for one thing and another for something else: refused, or passed on so that there is
//! but one way to read them. In both directions.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::harness::{OK, Relay, Run, SOON, read_head, read_to_end};

/// Reads requests as strictly as can be: their paths, or why this is not a row of requests.
fn strictly(mut bytes: &[u8]) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let head = std::str::from_utf8(&bytes[..end.ok_or("no end of the head")?]);
        let head = head.map_err(|error| error.to_string())?;
        bytes = &bytes[end.unwrap() + 4..];
        let mut lines = head.split("\r\n");
        let line: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let [_, path, "HTTP/1.1"] = line[..] else {
            return Err(format!("{line:?}"));
        };
        paths.push(path.to_owned());
        bytes = &bytes[body_of(lines, bytes)?..];
    }
    Ok(paths)
}

/// The length of the body that these headers announce.
fn body_of<'a>(lines: impl Iterator<Item = &'a str>, bytes: &[u8]) -> Result<usize, String> {
    let (mut length, mut chunked) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(": ").ok_or(format!("{line:?}"))?;
        if !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(format!("the name in {line:?}"));
        }
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(format!("the value in {line:?}"));
        }
        let twice = match name.to_ascii_lowercase().as_str() {
            "content-length" => length.replace(value.to_owned()).is_some(),
            "transfer-encoding" if value == "chunked" => std::mem::replace(&mut chunked, true),
            "transfer-encoding" => return Err(format!("{line:?}")),
            _ => false,
        };
        if twice {
            return Err(format!("twice: {line:?}"));
        }
    }
    match (length, chunked) {
        (Some(length), true) => Err(format!("a length of {length}, and chunks")),
        (Some(length), false) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(length.parse().unwrap())
        }
        (Some(length), false) => Err(format!("a length of {length:?}")),
        (None, false) => Ok(0),
        (None, true) => chunks(bytes).ok_or("bad chunks".into()),
    }
}

/// The length of a row of chunks.
fn chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        at += line + 2;
        if size == 0 {
            let end = bytes[at.checked_sub(2)?..]
                .windows(4)
                .position(|four| four == b"\r\n\r\n")?;
            return Some(at - 2 + end + 4);
        }
        at += size + 2;
        if bytes.get(at - 2..at)? != b"\r\n" {
            return None;
        }
    }
}

/// A run that keeps all it is told, and answers each head.
async fn keeping() -> (Run, Arc<Mutex<Vec<u8>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&told);
    let run = Run::start(move |mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            while let Some(head) = read_head(&mut stream).await {
                keep.lock().unwrap().extend(head.into_bytes());
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (run, told)
}

const AFTER: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let (run, told) = keeping().await;
    let relay = Relay::to(run.address).await;
    let many: Vec<String> = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    let many = many.concat();
    let long = format!("X: {}\r\n", "y".repeat(1 << 20));
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: five\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Content-Length : 5\r\n",
        "Content-Length\t: 5\r\n",
        "Content-Length: 5\r\n 6\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\x0b: chunked\r\n",
        "Transfer-Encoding\0: chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "X: a\r\n b\r\n",
        "X: a\rContent-Length: 5\r\n",
        "X: a\0b\r\n",
        "X\0: a\r\n",
        "X Y: a\r\n",
        ": a\r\n",
        "no colon\r\n",
        &many,
        &long,
    ] {
        let request = format!("POST /a HTTP/1.1\r\nHost: a\r\n{headers}\r\n0\r\n\r\n{AFTER}");
        let answer = relay.ask(&request).await;
        let status = answer.get(9..12).unwrap_or("none");
        let headers: String = headers.chars().take(60).collect();
        assert!(matches!(status, "400" | "431"), "{headers:?}: {answer:?}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{headers:?}: {answer:?}"
        );
        let told = String::from_utf8_lossy(&told.lock().unwrap()).into_owned();
        assert_eq!(told, "", "{headers:?}");
    }
}

#[tokio::test]
async fn a_request_line_that_is_none_is_refused() {
    let (run, told) = keeping().await;
    let relay = Relay::to(run.address).await;
    for line in [
        "GET /a",
        "GET /a HTTP/1.2x",
        "GET /a HTTP/3.0",
        "GET /a HTTP/11.1",
        "GET /a\0 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a HTTP/1.1 HTTP/1.1",
        "G(T /a HTTP/1.1",
    ] {
        let mut caller = relay.connect().await;
        let request = format!("{line}\r\nHost: a\r\n\r\n{AFTER}");
        caller.write_all(request.as_bytes()).await.unwrap();
        caller.shutdown().await.unwrap();
        let answer = read_to_end(&mut caller).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{line:?}: {answer:?}");
    }
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_that_is_passed_on_can_be_read_in_one_way_only() {
    for (request, paths) in [
        // The same length twice says one thing.
        (
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
            &["/a"][..],
        ),
        ("GET /a HTTP/1.1\nHost: a\n\n", &["/a"]),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            &["/a", "/b"],
        ),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nConnection: Content-Length, Host\r\n\r\n",
            &["/a"],
        ),
        (
            "GET http://a/a HTTP/1.1\r\nHost: a\r\n\r\n",
            &["http://a/a"],
        ),
    ] {
        let (run, told) = keeping().await;
        let relay = Relay::to(run.address).await;
        let mut caller = relay.connect().await;
        caller.write_all(request.as_bytes()).await.unwrap();
        for _ in paths {
            let head = timeout(SOON, read_head(&mut caller)).await.unwrap();
            assert!(head.is_some_and(|head| head.starts_with("HTTP/1.1 200")));
            let body = &mut [0; 2];
            tokio::io::AsyncReadExt::read_exact(&mut caller, body)
                .await
                .unwrap();
        }
        drop(caller);
        let told = told.lock().unwrap().clone();
        assert_eq!(
            strictly(&told).as_deref(),
            Ok(&paths
                .iter()
                .map(|&path| path.to_owned())
                .collect::<Vec<_>>()[..]),
            "{request:?}: {:?}",
            String::from_utf8_lossy(&told)
        );
    }
}

#[tokio::test]
async fn bad_chunks_end_the_connection_and_what_follows_is_no_request() {
    for body in [
        "5\r\nabcdeX\r\n0\r\n\r\n",
        "5\r\nabc\r\n0\r\n\r\n",
        "0x5\r\nabcde\r\n0\r\n\r\n",
        " 5\r\nabcde\r\n0\r\n\r\n",
        "+5\r\nabcde\r\n0\r\n\r\n",
        "5\rabcde\r\n0\r\n\r\n",
        "5;a\nb\r\nabcde\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        "g\r\n",
        "0\r\nX\0: a\r\n\r\n",
        "0\r\n no name\r\n\r\n",
    ] {
        let (run, told) = keeping().await;
        let relay = Relay::to(run.address).await;
        let head = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut caller = relay.connect().await;
        caller
            .write_all(format!("{head}{body}{AFTER}").as_bytes())
            .await
            .unwrap();
        caller.shutdown().await.unwrap();
        read_to_end(&mut caller).await;
        let told = told.lock().unwrap().clone();
        // Within a body it may stand; as a request of its own it may not.
        let heads = String::from_utf8_lossy(&told)
            .matches("HTTP/1.1\r\n")
            .count();
        assert!(heads <= 1, "{body:?}: {:?}", String::from_utf8_lossy(&told));
    }
}

/// A run that answers its first request with these bytes, and every other request as it should.
async fn answering_badly(answer: Vec<u8>) -> Run {
    let bad = Arc::new(Mutex::new(Some(answer)));
    Run::start(move |mut stream| {
        let bad = Arc::clone(&bad);
        async move {
            while read_head(&mut stream).await.is_some() {
                let first = bad.lock().unwrap().take();
                let ends = first.is_some();
                let good = || FRESH.as_bytes().to_vec();
                let answer = first.unwrap_or_else(good);
                if stream.write_all(&answer).await.is_err() {
                    return;
                }
                if ends {
                    // What is not complete by now never will be.
                    drop(stream.shutdown().await);
                }
            }
        }
    })
    .await
}

const FRESH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh";

async fn get(caller: &mut TcpStream, method: &str) {
    let request = format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n");
    caller.write_all(request.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_bad_answer_is_told_and_never_taken_for_two() {
    const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    let long = format!("X: {}\r\n", "y".repeat(1 << 20));
    for (head, status) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            Some("502"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
            Some("502"),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Some("502")),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
            Some("502"),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n", Some("502")),
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Some("502")),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", Some("502")),
        ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", Some("502")),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Some("502")),
        ("HTTP/1.1 20 OK\r\n\r\n", Some("502")),
        ("HTTP/1.1 2000 OK\r\n\r\n", Some("502")),
        ("HTTP/3.0 200 OK\r\n\r\n", Some("502")),
        ("ICY 200 OK\r\n\r\n", Some("502")),
        ("\0\0\0\0\r\n\r\n", Some("502")),
        (&format!("HTTP/1.1 200 OK\r\n{long}\r\n"), Some("502")),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
            None,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            None,
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
            Some("204"),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Some("200"),
        ),
    ] {
        let run = answering_badly([head, SECOND].concat().into_bytes()).await;
        let relay = Relay::to(run.address).await;
        let mut caller = relay.connect().await;
        get(&mut caller, "GET").await;
        let answer = timeout(SOON, read_head(&mut caller)).await.unwrap();
        let shown: String = head.chars().take(60).collect();
        if let Some(status) = status {
            let answer = answer.unwrap_or_default();
            assert_eq!(answer.get(9..12), Some(status), "{shown:?}: {answer:?}");
        }
        // Whoever goes on, on this connection or another, gets the answer to the own request.
        drop(caller);
        let fresh = relay
            .ask("GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        assert!(fresh.ends_with("\r\n\r\nfresh"), "{shown:?}: {fresh:?}");
    }
}

#[tokio::test]
async fn an_answer_after_the_answer_is_nobodys() {
    const TWO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    for method in ["GET", "HEAD"] {
        let run = answering_badly(TWO.as_bytes().to_vec()).await;
        let relay = Relay::to(run.address).await;
        let mut caller = relay.connect().await;
        get(&mut caller, method).await;
        let head = timeout(SOON, read_head(&mut caller))
            .await
            .unwrap()
            .unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head:?}");
        if method == "GET" {
            let body = &mut [0; 2];
            tokio::io::AsyncReadExt::read_exact(&mut caller, body)
                .await
                .unwrap();
        }
        get(&mut caller, "GET").await;
        caller.shutdown().await.unwrap();
        let second = read_to_end(&mut caller).await;
        assert!(second.ends_with("\r\n\r\nfresh"), "{method}: {second:?}");
    }
}
