//! Fetching images that are not built here.

use std::collections::HashMap;

use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use jiff::Timestamp;

use super::find::ContainerEngine;
use super::words::{image_is_missing, reason};
use crate::adapters::Wires;
use crate::engine::StartFailure;
use crate::stack::Service;
use crate::telemetry::{NewLine, Stream};

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
    use super::name_and_tag;

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
