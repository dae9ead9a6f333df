//! Making a run's container: its volumes, its name, its image when that has to be fetched first.

use bollard::errors::Error;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, RemoveContainerOptionsBuilder,
};

use super::find::ContainerEngine;
use super::helped::{ImageFacts, image_facts};
use super::model::{Request, Shared, StackNetwork};
use super::spec::How;
use super::words::{image_is_missing, reason, start_failure, status};
use super::{image, spec};
use crate::adapters::Identity;
use crate::engine::StartFailure;

/// A container that was made and not yet started.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) id: String,
    pub(super) name: String,
}

/// Makes the container of a run.
pub(super) async fn create(
    shared: &Shared,
    engine: &ContainerEngine,
    request: &Request,
    network: &StackNetwork,
    how: &How,
) -> Result<Created, StartFailure> {
    let service = &request.start.service;
    let image = request.start.image.as_deref().unwrap_or_default();
    let in_words = |error: Error| start_failure(&error, service, image);
    make_volumes(engine, request, &shared.identity)
        .await
        .map_err(in_words)?;
    make(engine, request, &shared.identity, network, how)
        .await
        .map_err(in_words)
}

/// What the image of a run says of itself. An image that is not here, and that no build makes, is pulled.
pub(super) async fn facts(
    shared: &Shared,
    engine: &ContainerEngine,
    request: &Request,
) -> Result<ImageFacts, StartFailure> {
    let service = &request.start.service;
    let image = request.start.image.as_deref().unwrap_or_default();
    let in_words = |error: Error| start_failure(&error, service, image);
    let missing = || image_is_missing(service, image, None);
    if let Some(found) = image_facts(engine, image).await.map_err(in_words)? {
        return Ok(found);
    }
    if service.build.is_some() {
        return Err(missing());
    }
    image::pull(&shared.wires, engine, service, request.start.run.0, image).await?;
    let found = image_facts(engine, image).await.map_err(in_words)?;
    found.ok_or_else(missing)
}

/// Under its own name; under a longer one when somebody else has that; without the init when the engine lacks it.
async fn make(
    engine: &ContainerEngine,
    request: &Request,
    identity: &Identity,
    network: &StackNetwork,
    how: &How,
) -> Result<Created, Error> {
    let short = spec::name(request, identity);
    let long = format!("{short}-{}", identity.hash);
    let mut with_init = engine.facts.init;
    let mut name = short;
    loop {
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let body = spec::body(request, identity, network, how, with_init);
        match engine.client.create_container(Some(options), body).await {
            Ok(made) => return Ok(Created { id: made.id, name }),
            Err(error) if is_name_taken(&error) => {
                if remove_leftover(engine, &name, identity).await? {
                    continue;
                }
                if name == long {
                    return Err(error);
                }
                name.clone_from(&long);
            }
            Err(error) if with_init && reason(&error).contains("init") => with_init = false,
            Err(error) => return Err(error),
        }
    }
}

/// Named volumes carry our labels too, which a mount alone would not give them.
async fn make_volumes(
    engine: &ContainerEngine,
    request: &Request,
    identity: &Identity,
) -> Result<(), Error> {
    for name in spec::volumes(&request.start.service, identity) {
        let volume = VolumeCreateRequest {
            name: Some(name),
            labels: Some(identity.labels().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        engine.client.create_volume(volume).await?;
    }
    Ok(())
}

fn is_name_taken(error: &Error) -> bool {
    let said = reason(error);
    let taken = said.contains("already in use") && said.contains("name");
    taken && matches!(status(error), Some(409 | 500))
}

/// Removes the container of this name if it is ours and of another session; says whether the name is free now.
async fn remove_leftover(
    engine: &ContainerEngine,
    name: &str,
    identity: &Identity,
) -> Result<bool, Error> {
    let found = engine
        .client
        .inspect_container(name, None::<InspectContainerOptions>)
        .await;
    let found = match found {
        Ok(found) => found,
        Err(error) if status(&error) == Some(404) => return Ok(true),
        Err(error) => return Err(error),
    };
    let labels = found
        .config
        .and_then(|config| config.labels)
        .unwrap_or_default();
    let is = |label: &str, value: &str| labels.get(label).is_some_and(|found| found == value);
    let ours = is(Identity::STACK, &identity.stack) && is(Identity::HASH, &identity.hash);
    if !ours || is(Identity::SESSION, &identity.session) {
        return Ok(false);
    }
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    match engine.client.remove_container(name, Some(options)).await {
        Ok(()) => Ok(true),
        Err(error) if status(&error) == Some(404) => Ok(true),
        Err(error) => Err(error),
    }
}
