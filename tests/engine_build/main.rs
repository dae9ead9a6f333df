//! Builds by the real engine: what travels, what ends up in the image, what is reused, what failures say.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it skips"
)]

mod content;
mod inferred;
mod prune;
mod reuse;
mod says;
mod support;
#[path = "../support/until.rs"]
mod until;

use boatyard::adapters::Endpoint;
use boatyard::adapters::build::{Builder, probe_builder};
use support::{endpoint, engine};

pub(crate) fn classic() -> Builder {
    Builder::Classic {
        why: "asked for by the test".into(),
    }
}

#[tokio::test]
async fn buildkit_is_found_where_the_engine_has_it() {
    if engine().await.is_none() {
        return;
    }
    assert_eq!(probe_builder(&endpoint()).await, Builder::BuildKit);
}

#[tokio::test]
async fn an_engine_without_grpc_has_the_classic_builder() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let answering = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0);
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found";
        stream.write_all(answer).await.unwrap();
    });
    let builder = probe_builder(&Endpoint::Unix(socket)).await;
    answering.await.unwrap();
    let Builder::Classic { why } = builder else {
        panic!("{builder:?}")
    };
    assert!(why.contains("404") && why.contains("not found"), "{why}");
}
