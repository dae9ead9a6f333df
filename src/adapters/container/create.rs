//! Making a run's container: its volumes, its name, its networks.

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, NetworkConnectRequest};
use bollard::query_parameters::{
    CreateContainerOptions, CreateContainerOptionsBuilder, InspectContainerOptions,
    RemoveContainerOptionsBuilder,
};

use super::find::ContainerEngine;
use super::labels;
use super::life::{plain_failure, remove_container};
use super::model::{Request, Shared};
use super::mounts;
use super::network::Networks;
use super::plain_names::rename;
use super::spec::{self, ContainerName, How};
use super::words::{reason, start_failure, status};
use crate::adapters::Identity;
use crate::engine::StartFailure;
use crate::stack::Service;

/// The first API by which a container is made on several networks at once.
const TAKES_ALL_NETWORKS: (usize, usize) = (1, 44);

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
    networks: &Networks,
    how: &How,
) -> Result<Created, StartFailure> {
    let service = &request.start.service;
    let image = request.start.image.as_deref().unwrap_or_default();
    let in_words = |error: Error| start_failure(&error, service, image);
    mounts::make(engine, service, &shared.stack(), &shared.identity)
        .await
        .map_err(|why| plain_failure(&why))?;
    match make(engine, request, shared, networks, how).await {
        Ok(created) => Ok(created),
        Err(error) if is_name_taken(&error) => {
            let name = spec::name(request, &shared.identity);
            Err(plain_failure(&name_is_taken(
                &name.plain.unwrap_or(name.own),
                service,
            )))
        }
        Err(error) => Err(in_words(error)),
    }
}

fn name_is_taken(name: &str, service: &Service) -> String {
    let remedy = match &service.container.name {
        Some(_) => "or change `container_name`",
        None => "or rename the stack",
    };
    format!(
        "a container called {name} is there already and is not this stack's; remove it with `docker rm -f {name}`, {remedy}"
    )
}

/// Under its plain name if it has one and no other run of ours does; under a longer one when somebody else has a name that
/// nobody expects; without the init when the engine lacks it.
async fn make(
    engine: &ContainerEngine,
    request: &Request,
    shared: &Shared,
    networks: &Networks,
    how: &How,
) -> Result<Created, Error> {
    let identity = &shared.identity;
    let ContainerName { plain, own } = spec::name(request, identity);
    let run = request.start.run;
    let has_plain = plain
        .as_ref()
        .filter(|it| shared.plain_names.claim(it, run));
    let long = format!("{own}-{}", identity.hash);
    let may_be_longer = has_plain.is_none();
    let mut name = has_plain.unwrap_or(&own).clone();
    let mut with_init = engine.facts.init;
    loop {
        match make_as(engine, request, shared, networks, how, (&name, with_init)).await {
            Ok(id) => {
                let has_got_plain = |it: &&String| shared.plain_names.made(it, run, &id);
                if let Some(plain) = plain.as_ref().filter(has_got_plain)
                    && *plain != name
                {
                    rename(engine, &id, plain).await;
                    name.clone_from(plain);
                }
                return Ok(Created { id, name });
            }
            Err(error) if is_name_taken(&error) => {
                if remove_leftover(engine, &name, identity).await? {
                    continue;
                }
                if name == long || !may_be_longer {
                    return Err(error);
                }
                name.clone_from(&long);
            }
            Err(error) if with_init && reason(&error).contains("init") => with_init = false,
            Err(error) => return Err(error),
        }
    }
}

/// Under this name, on all its networks.
async fn make_as(
    engine: &ContainerEngine,
    request: &Request,
    shared: &Shared,
    networks: &Networks,
    how: &How,
    (name, with_init): (&str, bool),
) -> Result<String, Error> {
    let options = CreateContainerOptionsBuilder::default().name(name);
    let options = match &request.start.service.container.platform {
        Some(platform) => options.platform(platform).build(),
        None => options.build(),
    };
    let body = spec::body(request, shared, networks, how, with_init);
    create_on_all(engine, options, body).await
}

/// Makes a container. Older engines take one network at first, and the others are joined before it is started.
pub(super) async fn create_on_all(
    engine: &ContainerEngine,
    options: CreateContainerOptions,
    mut body: ContainerCreateBody,
) -> Result<String, Error> {
    let mut later = Vec::new();
    let first = body
        .host_config
        .as_ref()
        .and_then(|it| it.network_mode.clone());
    if let (true, Some(first)) = (engine.facts.api < TAKES_ALL_NETWORKS, first)
        && let Some(endpoints) = body
            .networking_config
            .as_mut()
            .and_then(|config| config.endpoints_config.as_mut())
    {
        later.extend(endpoints.extract_if(|name, _| *name != first));
    }
    let made = engine.client.create_container(Some(options), body).await?;
    for (network, settings) in later {
        let request = NetworkConnectRequest {
            container: made.id.clone(),
            endpoint_config: Some(settings),
        };
        if let Err(error) = engine.client.connect_network(&network, request).await {
            remove_container(engine, &made.id).await;
            return Err(error);
        }
    }
    Ok(made.id)
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
    let is_of_now = labels.get(Identity::SESSION) == Some(&identity.session);
    if !labels::are_ours(&labels, identity) || is_of_now {
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
