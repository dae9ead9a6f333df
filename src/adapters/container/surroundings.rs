//! Where on this machine a container engine may be, in the order in which it is looked for.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::adapters::endpoint::{Endpoint, tls_unsupported};

/// The environment variables that matter to the search.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<String, String>,
}

/// One place to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What names this place, for people: `DOCKER_HOST`, `Docker context colima`, or nothing for a usual socket.
    pub named_by: Option<String>,
    /// The place, or why it cannot be used.
    pub endpoint: Result<Endpoint, String>,
}

#[derive(Debug, Default, Deserialize)]
struct CliConfig {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

#[derive(Debug, Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints", default)]
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Debug, Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Self::new(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Those with these variables only.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            variables: variables.into_iter().collect(),
        }
    }

    /// Every place to look at. What was chosen by name (`DOCKER_HOST`, a Docker context) is the only one, as for the
    /// `docker` command: another engine than the chosen one would be a surprise.
    pub fn candidates(&self) -> Vec<Candidate> {
        if let Some(host) = self.get("DOCKER_HOST") {
            return vec![Candidate {
                named_by: Some("DOCKER_HOST".into()),
                endpoint: self.with_tls(host),
            }];
        }
        if let Some(context) = self.context() {
            return vec![Candidate {
                named_by: Some(format!("Docker context {context}")),
                endpoint: self.of_context(&context),
            }];
        }
        let mut candidates: Vec<_> = self.usual_sockets().into_iter().map(socket).collect();
        if let Some(host) = self.get("CONTAINER_HOST") {
            candidates.push(Candidate {
                named_by: Some("CONTAINER_HOST".into()),
                endpoint: Endpoint::parse(host),
            });
        }
        candidates
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then_some(value)
    }

    fn with_tls(&self, host: &str) -> Result<Endpoint, String> {
        let endpoint = Endpoint::parse(host)?;
        let verified = self.get("DOCKER_TLS_VERIFY").is_some() || self.get("DOCKER_TLS").is_some();
        if verified && !endpoint.is_local() {
            return Err(tls_unsupported(host));
        }
        Ok(endpoint)
    }

    /// The context that is in force, unless it is the default one.
    fn context(&self) -> Option<String> {
        let configured = || {
            let text = std::fs::read(self.config_folder()?.join("config.json")).ok()?;
            let config: CliConfig = serde_json::from_slice(&text).unwrap_or_default();
            Some(config.current_context)
        };
        let name = match self.get("DOCKER_CONTEXT") {
            Some(name) => name.to_owned(),
            None => configured()?,
        };
        (!name.is_empty() && name != "default").then_some(name)
    }

    /// Reads a context as the `docker` command stores it: `contexts/meta/SHA256(NAME)/meta.json`.
    fn of_context(&self, name: &str) -> Result<Endpoint, String> {
        let folder = self.config_folder().ok_or_else(|| {
            "no home folder, so no Docker contexts; set HOME or DOCKER_HOST".to_owned()
        })?;
        let digest = digest(name);
        let file = folder.join("contexts/meta").join(&digest).join("meta.json");
        let text = std::fs::read(&file).map_err(|error| {
            format!(
                "{}: {error}; choose another with `docker context use`",
                file.display()
            )
        })?;
        let meta: ContextMeta = serde_json::from_slice(&text)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let host = meta
            .endpoints
            .get("docker")
            .map(|endpoint| endpoint.host.as_str())
            .filter(|host| !host.is_empty())
            .ok_or_else(|| format!("{}: names no Docker endpoint", file.display()))?;
        let endpoint = Endpoint::parse(host)?;
        let tls = folder.join("contexts/tls").join(&digest).join("docker");
        if !endpoint.is_local() && tls.is_dir() {
            return Err(tls_unsupported(host));
        }
        Ok(endpoint)
    }

    fn config_folder(&self) -> Option<PathBuf> {
        match self.get("DOCKER_CONFIG") {
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(PathBuf::from(self.get("HOME")?).join(".docker")),
        }
    }

    fn usual_sockets(&self) -> Vec<PathBuf> {
        let runtime = self.get("XDG_RUNTIME_DIR").map(PathBuf::from);
        let home = self.get("HOME").map(PathBuf::from);
        let at = |base: &Option<PathBuf>, rest: &str| base.as_ref().map(|base| base.join(rest));
        [
            Some(PathBuf::from("/var/run/docker.sock")),
            at(&runtime, "docker.sock"),
            at(&home, ".docker/run/docker.sock"),
            at(&home, ".colima/default/docker.sock"),
            at(&home, ".rd/docker.sock"),
            Some(PathBuf::from("/run/podman/podman.sock")),
            at(&runtime, "podman/podman.sock"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Candidate {
    /// The place in words.
    pub fn shown(&self) -> String {
        match (&self.named_by, &self.endpoint) {
            (Some(name), Ok(endpoint)) => format!("{name} ({endpoint})"),
            (Some(name), Err(_)) => name.clone(),
            (None, Ok(endpoint)) => endpoint.to_string(),
            (None, Err(why)) => why.clone(),
        }
    }
}

/// The folder name under which the `docker` command stores a context.
fn digest(name: &str) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(name.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn socket(path: PathBuf) -> Candidate {
    Candidate {
        named_by: None,
        endpoint: Ok(Endpoint::Unix(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Surroundings {
        Surroundings::new(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn context_folder(name: &str, host: &str, tls: bool) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let digest = digest(name);
        let meta = home.path().join(".docker/contexts/meta").join(&digest);
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            meta.join("meta.json"),
            format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#),
        )
        .unwrap();
        if tls {
            std::fs::create_dir_all(
                home.path()
                    .join(".docker/contexts/tls")
                    .join(&digest)
                    .join("docker"),
            )
            .unwrap();
        }
        home
    }

    #[test]
    fn docker_host_is_the_only_place() {
        let found = with(&[
            ("DOCKER_HOST", "unix:///x.sock"),
            ("DOCKER_CONTEXT", "other"),
        ])
        .candidates();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].shown(), "DOCKER_HOST (unix:///x.sock)");
    }

    #[test]
    fn tls_is_refused_in_words() {
        let found = with(&[
            ("DOCKER_HOST", "tcp://box:2376"),
            ("DOCKER_TLS_VERIFY", "1"),
        ])
        .candidates();
        assert!(
            found[0]
                .endpoint
                .as_ref()
                .unwrap_err()
                .contains("TLS is not supported")
        );
    }

    #[test]
    fn a_context_is_read_by_the_digest_of_its_name() {
        let home = context_folder("colima", "unix:///colima.sock", false);
        let home_path = home.path().to_str().unwrap();
        let found = with(&[("HOME", home_path), ("DOCKER_CONTEXT", "colima")]).candidates();
        assert_eq!(found[0].endpoint, Ok(Endpoint::Unix("/colima.sock".into())));

        std::fs::write(
            home.path().join(".docker/config.json"),
            r#"{"currentContext":"colima"}"#,
        )
        .unwrap();
        let found = with(&[("HOME", home_path)]).candidates();
        assert_eq!(found[0].named_by.as_deref(), Some("Docker context colima"));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_context_that_is_not_there_or_needs_tls_is_said() {
        let home = context_folder("remote", "tcp://box:2376", true);
        let home = home.path().to_str().unwrap();
        for (context, part) in [("remote", "TLS"), ("gone", "docker context use")] {
            let found = with(&[("HOME", home), ("DOCKER_CONTEXT", context)]).candidates();
            assert!(
                found[0].endpoint.as_ref().unwrap_err().contains(part),
                "{found:?}"
            );
        }
    }

    #[test]
    fn without_a_choice_the_usual_sockets_are_looked_at_in_order() {
        let found = with(&[
            ("HOME", "/nowhere/h"),
            ("XDG_RUNTIME_DIR", "/nowhere/r"),
            ("DOCKER_CONTEXT", "default"),
        ])
        .candidates();
        let shown: Vec<_> = found.iter().map(Candidate::shown).collect();
        assert_eq!(
            shown,
            [
                "unix:///var/run/docker.sock",
                "unix:///nowhere/r/docker.sock",
                "unix:///nowhere/h/.docker/run/docker.sock",
                "unix:///nowhere/h/.colima/default/docker.sock",
                "unix:///nowhere/h/.rd/docker.sock",
                "unix:///run/podman/podman.sock",
                "unix:///nowhere/r/podman/podman.sock",
            ]
        );
    }
}
