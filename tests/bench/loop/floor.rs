//! The same work by hand, with nothing between.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boatyard::adapters::Endpoint;
use boatyard::adapters::Identity;
use boatyard::adapters::build::{Workshop, probe_builder};
use boatyard::stack::{Build, Service};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListImagesOptionsBuilder,
    RemoveContainerOptions, RemoveImageOptionsBuilder, StartContainerOptions,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The shop window, built and replaced by hand on a network of its own.
pub(super) struct Floor {
    runtime: Runtime,
    docker: Docker,
    workshop: Workshop,
    identity: Identity,
    folder: TempDir,
    service: Service,
    old: Option<String>,
}

impl Floor {
    /// Nothing if there is no engine with the base image.
    pub(super) fn new() -> Option<Self> {
        let runtime = Runtime::new().expect("a runtime");
        let docker = Docker::connect_with_unix_defaults().ok()?;
        let docker = runtime.block_on(docker.negotiate_version()).ok()?;
        runtime
            .block_on(docker.inspect_image("boatyard-test/python"))
            .ok()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/web");
        for file in ["app.py", "Dockerfile", ".dockerignore"] {
            fs::copy(web.join(file), folder.path().join(file)).expect("the example is there");
        }
        let mut service = Service::named("web");
        service.build = Some(Build {
            inline: None,
            context: folder.path().to_path_buf(),
            dockerfile: folder.path().join("Dockerfile"),
            target: None,
            args: vec![("BASE".into(), "boatyard-test/python".into())],
            secrets: Vec::new(),
            labels: Vec::new(),
            network: None,
            no_cache: false,
            pull: false,
        });
        let identity = Identity::new("floor", folder.path(), std::process::id().to_string());
        let endpoint = Endpoint::Unix("/var/run/docker.sock".into());
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
        let mut floor = Self {
            runtime,
            docker,
            workshop,
            identity,
            folder,
            service,
            old: None,
        };
        floor.rebuild(usize::MAX);
        Some(floor)
    }

    /// One edit, built, created, started, until it answers, the old container removed meanwhile.
    pub(super) fn rebuild(&mut self, round: usize) -> Duration {
        let path = self.folder.path().join("app.py");
        let text = fs::read_to_string(&path).expect("it is there");
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("# round"))
            .collect();
        let kept = kept.join(
            "
",
        );
        let began = Instant::now();
        fs::write(&path, format!("{kept}\n# round {round}\n")).expect("it can be written");
        let old = self.old.take();
        let id = self.runtime.block_on(self.replace(old));
        self.old = Some(id);
        began.elapsed()
    }

    async fn replace(&self, old: Option<String>) -> String {
        let made = self
            .workshop
            .make(&self.service, false, &(Arc::new(|_| {}) as _))
            .await;
        let image = made.expect("it is built").0.image;
        let removing = old.map(|old| {
            let docker = self.docker.clone();
            tokio::spawn(async move { remove(&docker, &old).await })
        });
        let body = ContainerCreateBody {
            image: Some(image),
            env: Some(vec![
                "PORT=8000".into(),
                "ORDERS_URL=".into(),
                "CATALOG_URL=".into(),
            ]),
            labels: Some(self.identity.labels().into_iter().collect()),
            host_config: Some(HostConfig {
                network_mode: Some(self.identity.network()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let created = self
            .docker
            .create_container(None::<CreateContainerOptions>, body)
            .await
            .expect("it is created");
        self.docker
            .start_container(&created.id, None::<StartContainerOptions>)
            .await
            .expect("it starts");
        let inspected = self
            .docker
            .inspect_container(&created.id, None::<InspectContainerOptions>)
            .await
            .expect("it is there");
        let networks = inspected
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        let address = networks
            .into_values()
            .find_map(|network| network.ip_address)
            .expect("it has an address");
        while !answers(&address).await {
            tokio::task::yield_now().await;
        }
        if let Some(removing) = removing {
            removing.await.expect("the old one is removed");
        }
        created.id
    }

    /// Removes all that was made.
    pub(super) fn remove(mut self) {
        if let Some(old) = self.old.take() {
            self.runtime.block_on(remove(&self.docker, &old));
        }
        drop(
            self.runtime
                .block_on(self.docker.remove_network(&self.identity.network())),
        );
        self.runtime.block_on(self.remove_images());
    }

    async fn remove_images(&self) {
        let label = format!("{}={}", Identity::HASH, self.identity.hash);
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListImagesOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let force = RemoveImageOptionsBuilder::default().force(true).build();
        for image in self
            .docker
            .list_images(Some(options))
            .await
            .unwrap_or_default()
        {
            // A layer that another image still needs goes with that one.
            drop(
                self.docker
                    .remove_image(&image.id, Some(force.clone()), None)
                    .await,
            );
        }
    }
}

async fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptions {
        force: true,
        ..RemoveContainerOptions::default()
    };
    docker
        .remove_container(id, Some(options))
        .await
        .expect("it can be removed");
}

async fn answers(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect((address, 8000)).await else {
        return false;
    };
    let asked = stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
        .await;
    let mut answer = Vec::new();
    asked.is_ok()
        && stream.read_to_end(&mut answer).await.is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}
