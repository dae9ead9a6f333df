//! The standard gRPC health question, `grpc.health.v1.Health/Check`.
//!
//! Source: <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use std::net::SocketAddr;
use std::time::Duration;

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::question::{self, Asked};
use crate::adapters::ask::connect;

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HealthCheckRequest {
    /// Whose health; empty: the server's.
    #[prost(string, tag = "1")]
    pub(super) service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HealthCheckResponse {
    /// How it is.
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub(super) status: i32,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}

/// Asks once whether `service` (empty: the server as a whole) is serving.
pub(super) async fn ask(
    address: SocketAddr,
    service: &str,
    connect_within: Duration,
) -> Result<Asked, String> {
    // The transport's own errors hide the cause, so that the plain connection is tried first.
    drop(connect(address, connect_within).await?);
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| error.to_string())?
        .connect_timeout(connect_within)
        .connect()
        .await
        .map_err(|_| "it does not speak gRPC".to_owned())?;
    let mut client = Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|_| "it does not speak gRPC".to_owned())?;
    let mut request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    if let Ok(untraced) = question::untraced().parse() {
        request
            .metadata_mut()
            .insert(question::TRACEPARENT, untraced);
    }
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    match client.unary(request, path, codec).await {
        Ok(answer) => Ok(in_words(answer.get_ref().status())),
        Err(status) => Err(refusal(&status, service)),
    }
}

fn in_words(status: ServingStatus) -> Asked {
    let said = match status {
        ServingStatus::Serving => "SERVING",
        ServingStatus::NotServing => "NOT_SERVING",
        ServingStatus::ServiceUnknown => "SERVICE_UNKNOWN",
        ServingStatus::Unknown => "UNKNOWN",
    };
    Asked {
        healthy: status == ServingStatus::Serving,
        said: said.into(),
    }
}

fn refusal(status: &Status, service: &str) -> String {
    match status.code() {
        Code::Unimplemented => "it has no grpc.health.v1.Health service".into(),
        Code::NotFound => format!("its health service does not know {service:?}"),
        Code::Unavailable | Code::Unknown | Code::Internal => {
            "it does not speak gRPC, or broke off".into()
        }
        code => format!("{code:?}: {}", status.message()),
    }
}
