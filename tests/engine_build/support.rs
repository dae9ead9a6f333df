//! An engine to build with, a base image that needs no registry, and a stack of its own for each test.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use boatyard::adapters::Endpoint;
use boatyard::adapters::build::{Builder, Built, Output, Sink, Workshop};
use boatyard::adapters::{Identity, Wires};
use boatyard::engine::{BuildFailure, Event};
use boatyard::runtime::Clock;
use boatyard::stack::{Build, Service};
use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, ListImagesOptions, RemoveContainerOptions,
    RemoveImageOptions,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::{OnceCell, mpsc};

/// The base image of all tests: static busybox, imported.
pub(crate) const BASE: &str = "boatyard-test/busybox:latest";

const SOCKET: &str = "/var/run/docker.sock";

/// A stack of its own on the engine. Its images go with it.
pub(crate) struct Yard {
    pub(crate) docker: Docker,
    pub(crate) identity: Identity,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) build: Build,
    pub(crate) workshop: Arc<Workshop>,
}

/// What came out of one build.
pub(crate) struct Outcome {
    pub(crate) result: Result<(Built, bool), BuildFailure>,
    pub(crate) lines: Vec<String>,
    pub(crate) steps: Vec<String>,
}

impl Outcome {
    pub(crate) fn image(&self) -> &str {
        &self.result.as_ref().unwrap().0.image
    }

    pub(crate) fn is_reused(&self) -> bool {
        self.result.as_ref().unwrap().1
    }

    pub(crate) fn failure(&self) -> &BuildFailure {
        self.result.as_ref().unwrap_err()
    }

    /// Names of the files that travelled, sorted.
    pub(crate) fn sent(&self) -> Vec<String> {
        let files = &self.result.as_ref().unwrap().0.transfer.files;
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut names: Vec<String> = files.iter().map(name).collect();
        names.sort();
        names
    }
}

impl Yard {
    /// A stack with BuildKit; `None`, with a printed word, when there is no engine.
    pub(crate) async fn new() -> Option<Self> {
        Self::with(Builder::BuildKit).await
    }

    pub(crate) async fn with(builder: Builder) -> Option<Self> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let docker = engine().await?;
        base_image(&docker).await;
        let folder = tempfile::tempdir().unwrap();
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let stack = format!("buildtest-{}-{number}", std::process::id());
        let identity = Identity::new(&stack, folder.path(), stack.clone());
        let context = folder.path().join("context");
        fs::create_dir(&context).unwrap();
        let workshop = workshop(&docker, builder, &identity);
        let build = Build {
            inline: None,
            dockerfile: context.join("Dockerfile"),
            context,
            target: None,
            args: Vec::new(),
            secrets: Vec::new(),
            labels: Vec::new(),
            network: None,
            no_cache: false,
            pull: false,
        };
        Some(Self {
            docker,
            identity,
            folder,
            build,
            workshop,
        })
    }

    /// Writes a file of the context, with its folders.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let place = self.build.context.join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    /// Writes the Dockerfile, from the base image.
    pub(crate) fn dockerfile(&self, rest: &str) {
        fs::write(&self.build.dockerfile, format!("FROM {BASE}\n{rest}\n")).unwrap();
    }

    pub(crate) fn service(&self, name: &str) -> Service {
        let mut service = Service::named(name);
        service.build = Some(self.build.clone());
        service
    }

    pub(crate) async fn make(&self) -> Outcome {
        self.make_service(&self.service("app"), false).await
    }

    pub(crate) async fn make_service(&self, service: &Service, fresh: bool) -> Outcome {
        let (sink, mut outputs) = sink();
        let result = self.workshop.make(service, fresh, &sink).await;
        drop(sink);
        let (mut lines, mut steps) = (Vec::new(), Vec::new());
        while let Ok(output) = outputs.try_recv() {
            match output {
                Output::Line { bytes, .. } => {
                    lines.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Output::Step(step) => {
                    steps.push(format!("{}/{} {}", step.number, step.total, step.name));
                }
            }
        }
        Outcome {
            result,
            lines,
            steps,
        }
    }

    /// A workshop like a new session would have it.
    pub(crate) fn reopen(&mut self) {
        let builder = self.workshop.builder().clone();
        self.workshop = workshop(&self.docker, builder, &self.identity);
    }

    /// What is in an image below a folder: path to what it is.
    pub(crate) async fn tree(&self, image: &str, folder: &str) -> BTreeMap<String, String> {
        let labels = self.identity.labels().into_iter().collect();
        let body = ContainerCreateBody {
            image: Some(image.into()),
            cmd: Some(vec!["/bin/true".into()]),
            labels: Some(labels),
            ..ContainerCreateBody::default()
        };
        let made = self
            .docker
            .create_container(None::<CreateContainerOptions>, body)
            .await;
        let id = made.unwrap().id;
        let chunks: Vec<Bytes> = self
            .docker
            .export_container(&id)
            .try_collect()
            .await
            .unwrap();
        self.docker
            .remove_container(&id, None::<RemoveContainerOptions>)
            .await
            .unwrap();
        in_tar(&chunks.concat(), folder)
    }

    /// The stack's images.
    pub(crate) async fn images(&self) -> Vec<bollard::models::ImageSummary> {
        images(&self.docker, &self.identity).await
    }

    pub(crate) fn wires() -> (Wires, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let wires = Wires {
            events,
            telemetry: Arc::default(),
            clock: Clock::start(),
        };
        (wires, receiver)
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let (docker, identity) = (self.docker.clone(), self.identity.clone());
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                for image in images(&docker, &identity).await {
                    let options = RemoveImageOptions {
                        force: true,
                        ..RemoveImageOptions::default()
                    };
                    drop(docker.remove_image(&image.id, Some(options), None).await);
                }
            });
        };
        drop(std::thread::spawn(clean).join());
    }
}

pub(crate) fn sink() -> (Sink, mpsc::UnboundedReceiver<Output>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Arc::new(move |output| drop(sender.send(output))), receiver)
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::Unix(SOCKET.into())
}

/// The engine, if one answers.
pub(crate) async fn engine() -> Option<Docker> {
    let docker = Docker::connect_with_unix(SOCKET, 120, bollard::API_DEFAULT_VERSION).ok()?;
    if docker.ping().await.is_ok() {
        return docker.negotiate_version().await.ok();
    }
    assert!(
        std::env::var_os("BOATYARD_REQUIRE_ENGINE").is_none(),
        "BOATYARD_REQUIRE_ENGINE is set and no engine answers at {SOCKET}"
    );
    println!("skipped: no engine answers at {SOCKET}");
    None
}

fn workshop(docker: &Docker, builder: Builder, identity: &Identity) -> Arc<Workshop> {
    Arc::new(Workshop::new(
        docker.clone(),
        endpoint(),
        builder,
        identity.clone(),
    ))
}

async fn images(docker: &Docker, identity: &Identity) -> Vec<bollard::models::ImageSummary> {
    let label = format!("{}={}", Identity::STACK, identity.stack);
    let options = ListImagesOptions {
        filters: Some([("label".to_owned(), vec![label])].into()),
        ..ListImagesOptions::default()
    };
    docker.list_images(Some(options)).await.unwrap()
}

/// Imports the base image unless it is there.
async fn base_image(docker: &Docker) {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        if docker.inspect_image(BASE).await.is_ok() {
            return;
        }
        let options = CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(BASE.into()),
            ..CreateImageOptions::default()
        };
        let body = bollard::body_full(busybox().into());
        let made: Vec<_> = docker
            .create_image(Some(options), Some(body), None)
            .collect()
            .await;
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    })
    .await;
}

/// A root file system with busybox alone.
fn busybox() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_path_with_name("/bin/busybox", "bin/busybox")
        .unwrap();
    for name in [
        "sh", "cat", "ls", "true", "false", "sleep", "echo", "mkdir", "find", "sort", "touch",
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, format!("bin/{name}"), "busybox")
            .unwrap();
    }
    for name in ["tmp", "etc"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        archive
            .append_data(&mut header, format!("{name}/"), std::io::empty())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn in_tar(bytes: &[u8], folder: &str) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry
            .path()
            .unwrap()
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned();
        let below = match folder {
            "" => Some(path.as_str()),
            folder => path
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        let Some(below) = below else {
            continue;
        };
        let mode = entry.header().mode().unwrap() & 0o7777;
        let what = match entry.header().entry_type() {
            tar::EntryType::Directory => format!("folder {mode:o}"),
            tar::EntryType::Symlink => {
                format!("link {}", entry.link_name().unwrap().unwrap().display())
            }
            tar::EntryType::Fifo => format!("pipe {mode:o}"),
            _ => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                format!("file {mode:o} {}", described(&content))
            }
        };
        tree.insert(below.to_owned(), what);
    }
    tree
}

/// Content, short enough to be read when a test fails.
pub(crate) fn described(content: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let start = String::from_utf8_lossy(&content[..content.len().min(16)]).into_owned();
    format!("{start:?} {} bytes {:x}", content.len(), hasher.finish())
}

/// The same as [`Yard::tree`], of a folder of this machine.
pub(crate) fn on_disk(folder: &Path) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(place) = open.pop() {
        for child in fs::read_dir(place).unwrap() {
            let place = child.unwrap().path();
            let metadata = place.symlink_metadata().unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o7777;
            let what = if metadata.is_dir() {
                open.push(place.clone());
                format!("folder {mode:o}")
            } else if metadata.is_symlink() {
                format!("link {}", place.read_link().unwrap().display())
            } else if metadata.is_file() {
                format!("file {mode:o} {}", described(&fs::read(&place).unwrap()))
            } else {
                format!("pipe {mode:o}")
            };
            let path = place.strip_prefix(folder).unwrap().to_str().unwrap();
            tree.insert(path.to_owned(), what);
        }
    }
    tree
}
