//! What the engine says when something fails, in words that tell what to do.

use bollard::errors::Error;

use crate::engine::StartFailure;
use crate::stack::Service;

/// The engine's own reason, without the client's wrapping.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::RequestTimeoutError => "the engine did not answer in time".into(),
        other => {
            let mut text = other.to_string();
            let mut source = std::error::Error::source(other);
            while let Some(deeper) = source {
                let said = deeper.to_string();
                if !text.contains(&said) {
                    text = format!("{text}: {said}");
                }
                source = deeper.source();
            }
            text
        }
    }
}

/// The HTTP status of the engine's answer, if it answered.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether the engine says that this thing does not exist (any more).
pub(super) fn is_gone(error: &Error) -> bool {
    status(error) == Some(404)
}

/// Whether the engine did not answer at all, so that trying again later makes sense.
pub(super) fn is_disconnected(error: &Error) -> bool {
    matches!(
        error,
        Error::HyperLegacyError { .. }
            | Error::HyperResponseError { .. }
            | Error::IOError { .. }
            | Error::RequestTimeoutError
            | Error::SocketNotFoundError(_)
    )
}

/// Whether the network that a container belongs to has been removed.
pub(super) fn is_network_gone(error: &Error) -> bool {
    let said = reason(error);
    is_gone(error) && said.contains("network") && said.contains("not found")
}

/// The image that the engine says it does not have, when that is why a container could not be created.
pub(super) fn missing_image(error: &Error) -> bool {
    let said = reason(error).to_lowercase();
    is_gone(error) && (said.contains("no such image") || said.contains("image not known"))
}

/// Why a container could not be created or started.
pub(super) fn start_failure(error: &Error, service: &Service, image: &str) -> StartFailure {
    if missing_image(error) {
        return image_is_missing(service, image, None);
    }
    StartFailure {
        message: explain(&reason(error), service, image),
        missing_image: None,
    }
}

/// The image is not here, and could not be pulled for `why`.
pub(super) fn image_is_missing(service: &Service, image: &str, why: Option<&str>) -> StartFailure {
    let message = match why {
        Some(why) => format!(
            "image {image} is not here and cannot be pulled: {why}; check its name, the network and `docker login`, or load it with `docker load`"
        ),
        None if service.build.is_some() => {
            format!("image {image} is gone; rebuild {}", service.name)
        }
        None => format!("image {image} is not here; pull it with `docker pull {image}`"),
    };
    StartFailure {
        message,
        missing_image: Some(image.to_owned()),
    }
}

/// Why the stack's network could not be made.
pub(super) fn network_failure(error: &Error) -> String {
    let said = reason(error);
    explain_network(&said).unwrap_or(said)
}

fn explain_network(said: &str) -> Option<String> {
    let lower = said.to_lowercase();
    let exhausted = lower.contains("all predefined address pools")
        || lower.contains("could not find an available");
    exhausted.then(|| "the engine has no free network addresses; remove unused networks with `docker network prune`".into())
}

/// Known reasons get a remedy; an unknown one is passed on as it is.
fn explain(said: &str, service: &Service, image: &str) -> String {
    let lower = said.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("bind source path does not exist") || has("no such file or directory") && has("statfs") {
        let path = said.rsplit(": ").next().unwrap_or(said);
        return format!(
            "mount source {path} does not exist; create it, or correct `volumes` of {}",
            service.name
        );
    }
    if has("port is already allocated") || has("address already in use") {
        return format!(
            "a port is taken: {}; stop what has it, or choose another port for {}",
            last_part(said),
            service.name
        );
    }
    if has("executable file not found") || has("no such file or directory") && has("exec") {
        return format!(
            "command {} is not in image {image}; correct `command`, `entrypoint` or the Dockerfile of {}",
            quoted(said).unwrap_or("given"),
            service.name
        );
    }
    if has("permission denied") && has("exec") {
        return format!(
            "command {} in image {image} is not executable; `chmod +x` it in the Dockerfile",
            quoted(said).unwrap_or("given")
        );
    }
    if has("exec format error") {
        return format!(
            "the command in image {image} is for another architecture, or a script without its `#!` line"
        );
    }
    if has("unable to find user") || has("no matching entries in passwd") {
        return format!(
            "user {} does not exist in image {image}; correct `user` of {}",
            service.user.as_deref().unwrap_or("named there"),
            service.name
        );
    }
    if has("no space left on device") {
        return format!("the engine's disk is full: {said}; free some with `docker system prune`");
    }
    if let Some(remedy) = explain_network(said) {
        return remedy;
    }
    if has("no command specified") {
        return format!(
            "image {image} says no command; give {} a `command`",
            service.name
        );
    }
    said.to_owned()
}

fn last_part(said: &str) -> &str {
    said.rfind("Bind for").map_or(said, |at| &said[at..])
}

/// What stands in the last pair of quotes, as in `exec: "foo": executable file not found`.
fn quoted(said: &str) -> Option<&str> {
    let exec = said.find("exec: ")? + "exec: ".len();
    let rest = said[exec..].trim_start_matches('\\').strip_prefix('"')?;
    let end = rest.find(['"', '\\'])?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError {
            status_code,
            message: message.into(),
        }
    }

    #[test]
    fn known_reasons_get_a_remedy() {
        let mut service = Service::named("web");
        service.user = Some("nobody2".into());
        let runc = "OCI runtime create failed: container_linux.go:380: starting container process caused: exec:";
        for (said, part) in [
            (format!("{runc} \"foo\": executable file not found in $PATH: unknown"), "command foo is not in image i:1"),
            (format!("{runc} \"/x/y\": stat /x/y: no such file or directory: unknown"), "command /x/y is not in image"),
            (format!("{runc} \"/x\": permission denied: unknown"), "command /x in image i:1 is not executable"),
            ("invalid mount config for type \"bind\": bind source path does not exist: /nowhere".into(), "mount source /nowhere does not exist"),
            ("driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:80 failed: port is already allocated".into(), "Bind for 127.0.0.1:80 failed"),
            ("unable to find user nobody2: no matching entries in passwd file".into(), "user nobody2 does not exist"),
            ("something new".into(), "something new"),
        ] {
            let failure = start_failure(&answer(400, &said), &service, "i:1");
            assert!(failure.message.contains(part), "{} lacks {part}", failure.message);
            assert_eq!(failure.missing_image, None);
        }
    }

    #[test]
    fn a_missing_image_is_named() {
        let service = Service::named("web");
        let failure = start_failure(&answer(404, "No such image: i:1"), &service, "i:1");
        assert_eq!(failure.missing_image.as_deref(), Some("i:1"));
        assert!(failure.message.contains("docker pull i:1"));
    }
}
