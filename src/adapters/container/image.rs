//! What images say of themselves, and fetching those that are not built here.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use jiff::Timestamp;

use super::find::ContainerEngine;
use super::helped::{ImageFacts, image_facts};
use super::model::{Request, Shared};
use super::words::{image_is_missing, reason, start_failure};
use crate::adapters::Wires;
use crate::engine::StartFailure;
use crate::stack::{PullPolicy, Service};
use crate::telemetry::{NewLine, Stream};

/// What the image of a run says of itself. An image that no build makes is fetched when its service says so.
pub(super) async fn facts(
    shared: &Shared,
    engine: &ContainerEngine,
    request: &Request,
) -> Result<ImageFacts, StartFailure> {
    let service = &request.start.service;
    let image = request.start.image.as_deref().unwrap_or_default();
    let in_words = |error: Error| start_failure(&error, service, image);
    let missing = || image_is_missing(service, image, None);
    let found = image_facts(engine, image).await.map_err(in_words)?;
    if service.build.is_some() {
        return found.ok_or_else(missing);
    }
    let is_here = found.as_ref().is_some_and(|it| is_for(it, service));
    let is_pulled = shared.is_pulled(image);
    match (found, service.container.pull_policy) {
        (Some(found), PullPolicy::Never | PullPolicy::Build) => return Ok(found),
        (None, PullPolicy::Never | PullPolicy::Build) => return Err(missing()),
        (Some(found), PullPolicy::Missing) if is_here => return Ok(found),
        (Some(found), PullPolicy::Always) if is_here && is_pulled => return Ok(found),
        (Some(found), PullPolicy::Every(seconds)) if is_here && found.is_newer_than(seconds) => {
            return Ok(found);
        }
        (Some(found), PullPolicy::Every(_)) if is_here && is_pulled => return Ok(found),
        (Some(_) | None, _) => {}
    }
    pull(&shared.wires, engine, service, request.start.run.0, image).await?;
    shared.was_pulled(image);
    let found = image_facts(engine, image).await.map_err(in_words)?;
    found.ok_or_else(missing)
}

/// Whether an image is for the platform that its service wants: `OS[/ARCH[/VARIANT]]`.
fn is_for(facts: &ImageFacts, service: &Service) -> bool {
    let Some(wanted) = &service.container.platform else {
        return true;
    };
    let mut parts = wanted.split('/');
    let is = |part: Option<&str>, found: &str| part.is_none_or(|part| part == found);
    let (os, architecture) = facts.platform();
    is(parts.next(), os) && is(parts.next().map(architecture_of), architecture)
}

/// An architecture as images name it, for the other names that are in use.
fn architecture_of(name: &str) -> &str {
    match name {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "i386" => "386",
        other => other,
    }
}

/// Fetches an image from its registry. What the registry tells goes to the service's log, a line for each new state of a
/// layer (not for each megabyte).
pub(super) async fn pull(
    wires: &Wires,
    engine: &ContainerEngine,
    service: &Service,
    run: u64,
    image: &str,
) -> Result<(), StartFailure> {
    let say = |text: String| {
        wires.telemetry.logs().push(NewLine {
            service: service.name.clone(),
            run,
            at: Timestamp::now(),
            stream: Stream::Build,
            bytes: text.into_bytes(),
        });
        wires.telemetry.touch();
    };
    say(format!("pulling {image}"));
    let (name, tag) = name_and_tag(image);
    let options = CreateImageOptionsBuilder::default()
        .from_image(name)
        .tag(tag)
        .platform(service.container.platform.as_deref().unwrap_or_default())
        .build();
    let mut progress = Box::pin(engine.client.create_image(Some(options), None, None));
    let mut said: HashMap<Option<String>, String> = HashMap::new();
    while let Some(step) = progress.next().await {
        let step = step.map_err(|error| image_is_missing(service, image, Some(&reason(&error))))?;
        let status = step.status.clone().unwrap_or_default();
        if !status.is_empty() && said.insert(step.id.clone(), status.clone()) != Some(status) {
            say(shown(&step));
        }
    }
    Ok(())
}

fn shown(step: &CreateImageInfo) -> String {
    let status = step.status.as_deref().unwrap_or_default();
    match &step.id {
        Some(id) => format!("{id}: {status}"),
        None => status.to_owned(),
    }
}

/// Without a tag the engine would fetch every tag there is.
fn name_and_tag(image: &str) -> (&str, &str) {
    if image.contains('@') {
        return (image, "");
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_compared_as_far_as_it_is_said() {
        let facts = ImageFacts::for_platform("linux", "arm64");
        for (wanted, expected) in [
            (None, true),
            (Some("linux"), true),
            (Some("linux/arm64/v8"), true),
            (Some("linux/aarch64"), true),
            (Some("linux/amd64"), false),
            (Some("windows"), false),
        ] {
            let mut service = Service::named("s");
            service.container.platform = wanted.map(str::to_owned);
            assert_eq!(is_for(&facts, &service), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_port_is_not_a_tag() {
        for (image, expected) in [
            ("busybox", ("busybox", "latest")),
            ("postgres:16", ("postgres", "16")),
            ("box:5000/a/b", ("box:5000/a/b", "latest")),
            ("box:5000/a:2", ("box:5000/a", "2")),
            ("a@sha256:0", ("a@sha256:0", "")),
        ] {
            assert_eq!(name_and_tag(image), expected);
        }
    }
}
