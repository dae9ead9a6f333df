//! A builder's words for a failure, as what is wrong and what to do.

use crate::engine::BuildFailure;

/// What is known when a build has failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts<'a> {
    /// What the builder said.
    pub message: &'a str,
    /// The failing step, as the builder names it.
    pub step: Option<&'a str>,
    /// The last lines of that step.
    pub last_lines: Vec<String>,
    /// The images that the Dockerfile starts from, as written there.
    pub bases: &'a [String],
    /// The frontend that its `# syntax=` line asks for.
    pub syntax: Option<&'a str>,
}

/// Beginnings that say only which part of the builder speaks.
const WRAPPERS: [&str; 7] = [
    "rpc error: code = Unknown desc = ",
    "rpc error: code = NotFound desc = ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to solve: ",
    "failed to build LLB: ",
    "failed to create LLB definition: ",
    "Error response from daemon: ",
];

/// Words by which an image that cannot be had is recognised, when no step of the Dockerfile's own had run into them.
const NOT_TO_BE_HAD: [&str; 19] = [
    "pull access denied",
    "repository does not exist",
    "manifest unknown",
    "manifest for",
    "no such image",
    "image not known",
    "insufficient_scope",
    "unauthorized",
    "toomanyrequests",
    "failed to resolve source metadata",
    "failed to do request",
    "dial tcp",
    "no such host",
    "connection refused",
    "network is unreachable",
    "tls handshake",
    "x509:",
    "i/o timeout",
    ": not found",
];

/// The failure in words.
pub(super) fn explain(facts: Facts<'_>) -> BuildFailure {
    let reason = unwrapped(facts.message);
    let missing_base = missing_base(&facts, reason);
    let message = match &missing_base {
        Some(image) if facts.syntax == Some(image.as_str()) => format!(
            "the frontend {image} of the `# syntax=` line cannot be had ({reason}); remove that line, or pull the image"
        ),
        Some(image) => format!(
            "the base image {image} cannot be had ({reason}); pull, build or import it, or correct the Dockerfile's FROM"
        ),
        None => match remedy(reason) {
            Some(remedy) => format!("{reason}; {remedy}"),
            None => reason.to_owned(),
        },
    };
    BuildFailure {
        step: facts.step.map(str::to_owned),
        message,
        last_lines: facts.last_lines,
        missing_base,
    }
}

fn unwrapped(message: &str) -> &str {
    let mut text = message.trim();
    while let Some(rest) = WRAPPERS
        .iter()
        .find_map(|wrapper| text.strip_prefix(wrapper))
    {
        text = rest;
    }
    text
}

fn missing_base(facts: &Facts<'_>, reason: &str) -> Option<String> {
    let lower = reason.to_ascii_lowercase();
    if !NOT_TO_BE_HAD.iter().any(|words| lower.contains(words)) {
        return None;
    }
    let of_step = facts.step.and_then(image_of_step);
    if facts.step.is_some() && of_step.is_none() {
        return None;
    }
    let known: Vec<&str> = facts
        .bases
        .iter()
        .map(String::as_str)
        .chain(facts.syntax)
        .collect();
    let as_written = |image: &str| known.iter().find(|base| is_same(base, image));
    if let Some(image) = of_step {
        return Some(
            as_written(image)
                .map_or(image, |written| written)
                .to_owned(),
        );
    }
    let named = known.iter().filter(|base| reason.contains(bare(base)));
    named
        .max_by_key(|base| base.len())
        .map(|base| (*base).to_owned())
}

/// The image that a step fetches; `None` for any other step.
fn image_of_step(step: &str) -> Option<&str> {
    if let Some((_, image)) = step.split_once("load metadata for ") {
        return Some(image.trim());
    }
    if let Some((_, image)) = step.split_once("docker-image://") {
        return Some(image.trim());
    }
    let text = step.split_once("] ").map_or(step, |(_, text)| text);
    let rest = text
        .strip_prefix("FROM ")
        .or_else(|| text.strip_prefix("from "))?;
    let image = rest
        .split_whitespace()
        .find(|word| !word.starts_with("--"))?;
    Some(image.split_once('@').map_or(image, |(name, _)| name))
}

/// Whether the builder's name for an image is what the Dockerfile writes. The builder puts its default registry before a name
/// that has none, `library/` before one of a single word, and `:latest` behind one without a tag.
fn is_same(written: &str, built: &str) -> bool {
    let (written, built) = (tagged(written), tagged(built));
    if written == built {
        return true;
    }
    let Some((_, path)) = registry_and_path(&built) else {
        return false;
    };
    registry_and_path(&written).is_none()
        && (path == written || path.strip_prefix("library/") == Some(&written))
}

/// The registry's host and what follows it; `None` for a name without one.
fn registry_and_path(image: &str) -> Option<(&str, &str)> {
    let (first, path) = image.split_once('/')?;
    (first.contains(['.', ':']) || first == "localhost").then_some((first, path))
}

fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        image.to_owned()
    } else {
        format!("{image}:latest")
    }
}

/// An image's name without its tag.
fn bare(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// What to do about reasons that do not say it themselves.
fn remedy(reason: &str) -> Option<&'static str> {
    let lower = reason.to_ascii_lowercase();
    let table = [
        (
            "secret",
            "not found",
            "the Dockerfile asks for it: give it under `build.secrets`",
        ),
        (
            "--mount option requires buildkit",
            "",
            "this engine has only the classic builder: use an engine with BuildKit",
        ),
        (
            "buildkit",
            "requires",
            "this engine has only the classic builder: use an engine with BuildKit",
        ),
        (
            "unknown instruction",
            "",
            "correct the Dockerfile (here-documents need a newer engine)",
        ),
        (
            "target stage",
            "could not be found",
            "correct `build.target` or name a stage so",
        ),
        (
            "failed to reach build target",
            "",
            "correct `build.target` or name a stage so",
        ),
        (
            "no space left on device",
            "",
            "free disk space (`docker system df` shows what the engine holds)",
        ),
        (
            "\"/",
            "not found",
            "the file is not in the build context: see its path, and .dockerignore",
        ),
        (
            "failed to compute cache key",
            "not found",
            "the file is not in the build context: see its path, and .dockerignore",
        ),
        (
            "copy failed",
            "",
            "the file is not in the build context: see its path, and .dockerignore",
        ),
    ];
    let fits = |first: &str, second: &str| lower.contains(first) && lower.contains(second);
    table
        .into_iter()
        .find(|(first, second, _)| fits(first, second))
        .map(|(_, _, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str, step: Option<&str>) -> BuildFailure {
        explain(Facts {
            message,
            step,
            last_lines: Vec::new(),
            bases: &["shop/base:1".into(), "python:3.12-slim".into()],
            syntax: Some("docker/dockerfile:1"),
        })
    }

    #[test]
    fn a_missing_base_is_named_as_the_dockerfile_writes_it() {
        let table = [
            (
                "failed to solve with frontend dockerfile.v0: failed to create LLB definition: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
                Some("[internal] load metadata for registry.example/shop/base:1"),
                Some("shop/base:1"),
            ),
            (
                "failed to solve: failed to do request: Head \"https://registry.example/v2/library/python/manifests/3.12-slim\": dial tcp: lookup registry.example on 1.1.1.1:53: no such host",
                Some("[internal] load metadata for registry.example/library/python:3.12-slim"),
                Some("python:3.12-slim"),
            ),
            (
                "pull access denied for shop/base, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Some("FROM shop/base:1"),
                Some("shop/base:1"),
            ),
            (
                "manifest for python:3.12-slim not found: manifest unknown: manifest unknown",
                None,
                Some("python:3.12-slim"),
            ),
            (
                "failed to solve: docker/dockerfile:1: dial tcp: lookup registry.example: no such host",
                None,
                Some("docker/dockerfile:1"),
            ),
            (
                "executor failed running [/bin/sh -c pip install x]: dial tcp: lookup packages.example: no such host",
                Some("[2/3] RUN pip install x"),
                None,
            ),
            (
                "failed to compute cache key: \"/nowhere\" not found: not found",
                Some("[2/2] COPY nowhere /"),
                None,
            ),
        ];
        for (message, step, wanted) in table {
            assert_eq!(
                of(message, step).missing_base.as_deref(),
                wanted,
                "{message}"
            );
        }
    }

    #[test]
    fn wrappers_go_and_remedies_come() {
        let failure = of(
            "rpc error: code = Unknown desc = failed to solve: dockerfile parse error line 3: unknown instruction: FORM",
            None,
        );
        assert!(
            failure
                .message
                .starts_with("dockerfile parse error line 3: unknown instruction: FORM; "),
            "{}",
            failure.message
        );
        let failure = of(
            "secret token not found: not found",
            Some("[2/2] RUN --mount=type=secret,id=token cat"),
        );
        assert!(
            failure.message.contains("`build.secrets`"),
            "{}",
            failure.message
        );
    }
}
