//! The engine's calls made by hand, with nothing between: what the floors are made of.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use boatyard::adapters::build::{Workshop, probe_builder};
use boatyard::adapters::{Endpoint, Identity};
use boatyard::stack::Service;
use bollard::Docker;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptionsBuilder,
    ListImagesOptionsBuilder, RemoveContainerOptions, RemoveImageOptionsBuilder,
    StartContainerOptions, UploadToContainerOptions,
};
use tempfile::TempDir;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::runtime::Runtime;

const SOCKET: &str = "/var/run/docker.sock";

/// An engine, a workshop and a network of its own.
pub(super) struct Hand {
    runtime: Runtime,
    pub(super) docker: Docker,
    pub(super) workshop: Workshop,
    identity: Identity,
    _folder: TempDir,
}

/// A shell kept open in a container by one `exec`.
pub(super) struct Shell {
    input: std::pin::Pin<Box<dyn AsyncWrite + Send>>,
}

impl Hand {
    /// Nothing, with a printed word, if there is no engine with the base image.
    pub(super) fn new(name: &str) -> Option<Self> {
        let runtime = Runtime::new().expect("a runtime");
        let connected = runtime.block_on(async {
            let docker = Docker::connect_with_unix_defaults().ok()?;
            let docker = docker.negotiate_version().await.ok()?;
            docker.inspect_image("boatyard-test/busybox").await.ok()?;
            Some(docker)
        });
        let Some(docker) = connected else {
            println!("{name}: left out, no container engine with the images of tests/base-images");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let identity = Identity::new(name, folder.path(), std::process::id().to_string());
        let endpoint = Endpoint::Unix(SOCKET.into());
        let builder = runtime.block_on(probe_builder(&endpoint));
        let workshop = Workshop::new(docker.clone(), endpoint, builder, identity.clone());
        let network = NetworkCreateRequest {
            name: identity.network(),
            labels: Some(identity.labels().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        runtime
            .block_on(docker.create_network(network))
            .expect("a network can be made");
        Some(Self {
            runtime,
            docker,
            workshop,
            identity,
            _folder: folder,
        })
    }

    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Builds, as Boatyard does; the image.
    pub(super) async fn build(&self, service: &Service) -> String {
        let made = self
            .workshop
            .make(service, false, &(Arc::new(|_| {}) as _))
            .await;
        made.expect("it is built").0.image
    }

    /// A container of this image that runs this line; `network`: `None` for the network of its own.
    pub(super) async fn create(
        &self,
        image: &str,
        line: &str,
        network: Option<String>,
        binds: Vec<String>,
    ) -> String {
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(vec!["sh".into(), "-c".into(), line.to_owned()]),
            labels: Some(self.identity.labels().into_iter().collect()),
            host_config: Some(HostConfig {
                network_mode: Some(network.unwrap_or_else(|| self.identity.network())),
                binds: Some(binds),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        self.docker
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .expect("it is created")
            .id
    }

    pub(super) async fn start(&self, id: &str) {
        self.docker
            .start_container(id, None::<StartContainerOptions>)
            .await
            .expect("it starts");
    }

    /// A container's address on the network of its own.
    pub(super) async fn address(&self, id: &str) -> IpAddr {
        let inspected = self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .expect("it is there");
        let networks = inspected
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        networks
            .into_values()
            .find_map(|network| network.ip_address)
            .and_then(|address| address.parse().ok())
            .expect("it has an address")
    }

    /// Kills and removes a container.
    pub(super) async fn remove_container(&self, id: &str) {
        let options = RemoveContainerOptions {
            force: true,
            ..RemoveContainerOptions::default()
        };
        self.docker
            .remove_container(id, Some(options))
            .await
            .expect("it can be removed");
    }

    /// Puts one file into a container with one call (`PUT archive`).
    pub(super) async fn upload(&self, id: &str, folder: &str, file: &Path) {
        let mut archive = tar::Builder::new(Vec::new());
        let name = file.file_name().expect("it has a name");
        archive
            .append_path_with_name(file, name)
            .expect("it can be packed");
        let bytes = archive.into_inner().expect("it can be packed");
        let options = UploadToContainerOptions {
            path: folder.to_owned(),
            ..UploadToContainerOptions::default()
        };
        self.docker
            .upload_to_container(id, Some(options), bollard::body_full(bytes.into()))
            .await
            .expect("it can be put there");
    }

    /// Opens a shell in a container.
    pub(super) async fn shell(&self, id: &str) -> Shell {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            cmd: Some(vec!["sh"]),
            ..CreateExecOptions::default()
        };
        let exec = self.docker.create_exec(id, options).await;
        let exec = exec.expect("an exec is made").id;
        let started = self.docker.start_exec(&exec, None).await;
        match started.expect("an exec starts") {
            StartExecResults::Attached { input, output } => {
                tokio::spawn(futures_util::StreamExt::for_each(output, async |_| ()));
                Shell { input }
            }
            StartExecResults::Detached => unreachable!("it is attached"),
        }
    }

    /// Removes all that was made.
    pub(super) fn remove(self) {
        self.block_on(async {
            let label = format!("{}={}", Identity::HASH, self.identity.hash);
            let filters = HashMap::from([("label".to_owned(), vec![label])]);
            let options = ListContainersOptionsBuilder::default()
                .all(true)
                .filters(&filters)
                .build();
            let containers = self.docker.list_containers(Some(options)).await;
            for container in containers.unwrap_or_default() {
                self.remove_container(&container.id.unwrap_or_default())
                    .await;
            }
            drop(self.docker.remove_network(&self.identity.network()).await);
            let options = ListImagesOptionsBuilder::default()
                .all(true)
                .filters(&filters)
                .build();
            let force = RemoveImageOptionsBuilder::default().force(true).build();
            let images = self.docker.list_images(Some(options)).await;
            for image in images.unwrap_or_default() {
                // A layer that another image still needs goes with that one.
                let removed = self
                    .docker
                    .remove_image(&image.id, Some(force.clone()), None);
                drop(removed.await);
            }
        });
    }
}

impl Shell {
    /// Has a line run; nothing is waited for.
    pub(super) async fn run(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("the shell listens");
        self.input.flush().await.expect("the shell listens");
    }
}
