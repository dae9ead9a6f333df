//! Finding the container engine and learning what it can do.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::{ClientVersion, Docker};
use hyper::Method;

use super::surroundings::Surroundings;
use crate::adapters::endpoint::{CONNECT_TIMEOUT, Endpoint};
use crate::engine::EngineLink;

/// The oldest API that Boatyard works with: Docker 20.10, Podman 4.
pub const OLDEST_API: (usize, usize) = (1, 41);

/// Time for an engine that has answered a ping to say what it is; a busy one takes longer for that.
const LEARN_TIMEOUT: Duration = Duration::from_secs(5);

/// A container engine that answers. Cheap to clone; a request opens its own connection, so it stays of use after a break.
#[derive(Debug, Clone)]
pub struct ContainerEngine {
    /// The client for ordinary requests.
    pub client: Docker,
    /// What is known of it.
    pub facts: Arc<EngineFacts>,
    endpoint: Endpoint,
}

/// What is known of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// `docker` or `podman`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The API version that is spoken with it.
    pub api: (usize, usize),
    /// Whether it runs without root, so that its networks are not this machine's.
    pub rootless: bool,
    /// Operating system of its containers.
    pub os: String,
    /// Architecture of its containers, as Docker calls it.
    pub arch: String,
    /// Whether it has the small init program.
    pub init: bool,
    /// Whether it has `BuildKit` behind `/session` and `/grpc`.
    pub buildkit: bool,
}

/// No engine answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no container engine answers; looked at:\n  {}", looked.join("\n  "))]
pub struct NoEngine {
    /// Where was looked, and what was wrong there, a line each.
    pub looked: Vec<String>,
}

/// Looks at every candidate in order and takes the first engine that answers. Each is given two seconds to
/// answer.
pub async fn find(surroundings: &Surroundings) -> Result<ContainerEngine, NoEngine> {
    let mut looked = Vec::new();
    for candidate in surroundings.candidates() {
        let shown = candidate.shown();
        match candidate.endpoint {
            Ok(endpoint) => match ContainerEngine::connect(endpoint).await {
                Ok(engine) => return Ok(engine),
                Err(why) => looked.push(format!("{shown}: {why}")),
            },
            Err(why) => looked.push(format!("{shown}: {why}")),
        }
    }
    Err(NoEngine { looked })
}

impl ContainerEngine {
    /// Connects to the engine at this place.
    ///
    /// # Errors
    /// What is wrong there and what to do, in words.
    pub async fn connect(endpoint: Endpoint) -> Result<Self, String> {
        let ping = tokio::time::timeout(CONNECT_TIMEOUT, Ping::ask(&endpoint))
            .await
            .map_err(|_| "no answer within 2 s".to_owned())?
            .map_err(|error| in_words(&error))?;
        let api = ping.api.min(newest_api());
        if api < OLDEST_API {
            return Err(format!(
                "speaks API {}.{}, and Boatyard needs 1.41 or newer; update the engine (Docker 20.10, Podman 4)",
                ping.api.0, ping.api.1
            ));
        }
        let version = ClientVersion {
            major_version: api.0,
            minor_version: api.1,
        };
        let client = endpoint
            .client(&version)
            .map_err(|error| error.to_string())?;
        let learning = tokio::time::timeout(LEARN_TIMEOUT, learn(&client, &ping, api));
        let facts = learning
            .await
            .map_err(|_| "answers a ping, but does not say what it is within 5 s".to_owned())?
            .map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            facts: Arc::new(facts),
            endpoint,
        })
    }

    /// Where it listens; see [`Endpoint::open`] and [`Endpoint::upgrade`] for raw streams.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A path of its API with the version in front: `/v1.41/containers/json`.
    pub fn path(&self, rest: &str) -> String {
        let (major, minor) = self.facts.api;
        format!("/v{major}.{minor}{rest}")
    }

    /// What the pure engine is told of it.
    pub fn link(&self) -> EngineLink {
        EngineLink::Connected {
            name: self.facts.name.clone(),
            version: self.facts.version.clone(),
            builder: self.facts.builder().into(),
        }
    }
}

impl EngineFacts {
    /// What builds its images, in a word.
    pub fn builder(&self) -> &'static str {
        match (self.name.as_str(), self.buildkit) {
            (_, true) => "BuildKit",
            ("podman", _) => "Podman's builder",
            _ => "classic builder",
        }
    }
}

/// What the headers of `/_ping` tell.
struct Ping {
    api: (usize, usize),
    builder_version: String,
    podman: bool,
}

impl Ping {
    async fn ask(endpoint: &Endpoint) -> io::Result<Self> {
        let response = endpoint.request(Method::GET, "/_ping", &[]).await?;
        if !response.status().is_success() {
            let status = response.status();
            return Err(crate::adapters::endpoint::refusal(status, response).await);
        }
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        let api = header("Api-Version")
            .and_then(|version| parse_api(&version))
            .ok_or_else(|| io::Error::other("answers, but not as a container engine does"))?;
        Ok(Self {
            api,
            builder_version: header("Builder-Version").unwrap_or_default(),
            podman: header("Libpod-Api-Version").is_some(),
        })
    }
}

async fn learn(
    client: &Docker,
    ping: &Ping,
    api: (usize, usize),
) -> Result<EngineFacts, bollard::errors::Error> {
    let (version, info) = tokio::join!(client.version(), client.info());
    let (version, info) = (version?, info?);
    let is_podman = ping.podman
        || version
            .components
            .iter()
            .flatten()
            .any(|component| component.name.contains("Podman"));
    let security = info.security_options.unwrap_or_default();
    Ok(EngineFacts {
        name: if is_podman { "podman" } else { "docker" }.into(),
        version: version.version.unwrap_or_default(),
        api,
        rootless: security.iter().any(|option| option.contains("rootless")),
        os: version.os.unwrap_or_default(),
        arch: version.arch.unwrap_or_default(),
        init: info.init_binary.is_some_and(|binary| !binary.is_empty()),
        buildkit: !is_podman && (ping.builder_version == "2" || api >= (1, 39)),
    })
}

fn newest_api() -> (usize, usize) {
    let newest = bollard::API_DEFAULT_VERSION;
    (newest.major_version, newest.minor_version)
}

fn parse_api(version: &str) -> Option<(usize, usize)> {
    let (major, minor) = version.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A failed connection in words, with what to do.
fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "not there".into(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: add yourself to the group that owns it (`sudo usermod -aG docker $USER`), then log in again".into()
        }
        io::ErrorKind::ConnectionRefused => "connection refused: is the daemon running?".into(),
        io::ErrorKind::TimedOut => "no answer within 2 s".into(),
        _ => error.to_string(),
    }
}
