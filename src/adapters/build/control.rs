//! A client for the builder's control service, over the engine's `/grpc`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use hyper::upgrade::Upgraded;
use tonic::codegen::{Service, http::Uri};
use tonic::transport::Channel;

use crate::adapters::Endpoint;

/// Largest message that is accepted: a status may carry much output at once.
const LARGEST: usize = 64 << 20;

/// Connects to the builder inside the engine. Dropping the client cancels what it asked for.
pub(super) async fn connect(endpoint: &Endpoint) -> io::Result<ControlClient<Channel>> {
    let stream = endpoint.upgrade("/grpc", "h2c", &[]).await?;
    let channel = tonic::transport::Endpoint::from_static("http://builder")
        .connect_with_connector(Ready(Some(stream)))
        .await
        .map_err(io::Error::other)?;
    Ok(ControlClient::new(channel).max_decoding_message_size(LARGEST))
}

/// Hands out one stream that is already open.
struct Ready(Option<Upgraded>);

impl Service<Uri> for Ready {
    type Response = Upgraded;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Upgraded>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take();
        Box::pin(async move { stream.ok_or_else(|| io::Error::other("the connection was lost")) })
    }
}
