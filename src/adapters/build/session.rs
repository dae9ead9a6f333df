//! Our end of a build session: a gRPC server on a stream that the engine calls back on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;

use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::{Health, HealthServer};
use bollard_buildkit_proto::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse,
    GetTokenAuthorityRequest, GetTokenAuthorityResponse, VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse,
};
use hyper::Request as HttpRequest;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;
use tokio_stream::Empty;
use tonic::codegen::{Service, http::Response as HttpResponse};
use tonic::{Request, Response, Status, async_trait};

use super::filesync::Files;
use crate::adapters::Endpoint;

/// A session that the engine can call back; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    server: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The methods that the engine is told of.
const METHODS: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
];

/// Opens a session. Its id is new for each build; the shared key is the service's, so that the engine finds what it was
/// sent before.
pub(super) async fn open(
    endpoint: &Endpoint,
    id: &str,
    shared_key: &str,
    files: Files,
    secrets: HashMap<String, Vec<u8>>,
) -> io::Result<Session> {
    let mut headers = vec![
        ("X-Docker-Expose-Session-Uuid", id),
        ("X-Docker-Expose-Session-Name", "boatyard"),
        ("X-Docker-Expose-Session-Sharedkey", shared_key),
    ];
    headers.extend(METHODS.map(|method| ("X-Docker-Expose-Session-Grpc-Method", method)));
    let stream = endpoint.upgrade("/session", "h2c", &headers).await?;
    let services = Services {
        files: FileSyncServer::new(files),
        secrets: SecretsServer::new(KnownSecrets(secrets)),
        auth: AuthServer::new(Anonymous),
        health: HealthServer::new(AlwaysServing),
    };
    let server = tokio::spawn(async move {
        let service = service_fn(move |request| services.clone().answer(request));
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service);
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a build session ended");
        }
    });
    Ok(Session { server })
}

#[derive(Clone)]
struct Services {
    files: FileSyncServer<Files>,
    secrets: SecretsServer<KnownSecrets>,
    auth: AuthServer<Anonymous>,
    health: HealthServer<AlwaysServing>,
}

impl Services {
    async fn answer(
        mut self,
        request: HttpRequest<Incoming>,
    ) -> Result<HttpResponse<tonic::body::Body>, Infallible> {
        let path = request.uri().path();
        let service = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        match service {
            "moby.filesync.v1.FileSync" => self.files.call(request).await,
            "moby.buildkit.secrets.v1.Secrets" => self.secrets.call(request).await,
            "moby.filesync.v1.Auth" => self.auth.call(request).await,
            "grpc.health.v1.Health" => self.health.call(request).await,
            other => Ok(Status::unimplemented(format!("no service {other} here")).into_http()),
        }
    }
}

/// The secrets of one build, read when it began.
#[derive(Debug)]
struct KnownSecrets(HashMap<String, Vec<u8>>);

#[async_trait]
impl Secrets for KnownSecrets {
    async fn get_secret(
        &self,
        request: Request<GetSecretRequest>,
    ) -> Result<Response<GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        match self.0.get(id) {
            Some(data) => Ok(Response::new(GetSecretResponse { data: data.clone() })),
            None => Err(Status::not_found(format!("secret {id} not found"))),
        }
    }
}

/// Registries are asked without a name.
#[derive(Debug)]
struct Anonymous;

#[async_trait]
impl Auth for Anonymous {
    async fn credentials(
        &self,
        _request: Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        Ok(Response::new(CredentialsResponse::default()))
    }

    async fn fetch_token(
        &self,
        _request: Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }

    async fn get_token_authority(
        &self,
        _request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _request: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens itself"))
    }
}

/// The engine asks now and then whether we are still there.
#[derive(Debug)]
struct AlwaysServing;

fn serving() -> HealthCheckResponse {
    HealthCheckResponse {
        status: ServingStatus::Serving.into(),
    }
}

#[async_trait]
impl Health for AlwaysServing {
    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(serving()))
    }

    async fn list(
        &self,
        _request: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let statuses = HashMap::from([(String::new(), serving())]);
        Ok(Response::new(HealthListResponse { statuses }))
    }

    async fn watch(
        &self,
        _request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again instead"))
    }
}
