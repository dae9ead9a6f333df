//! Starting and cancelling builds: each ends in exactly one event.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::Docker;
use tokio::sync::oneshot;

use super::builder::Builder;
use super::cache::ContextCache;
use super::content::content_key;
use super::dockerfile::Dockerfile;
use super::endpoint::Endpoint;
use super::images::Images;
use super::model::{BuildOrder, Built, Output, Sink, Stopped, say};
use super::tree::{Entry, EntryKind, Tree};
use super::{classic, solve};
use crate::adapters::ignore_rules::DockerIgnore;
use crate::adapters::{Identity, Wires};
use crate::engine::{BuildFailure, BuildId, Event};
use crate::stack::{Build, SecretSource, Service};
use crate::telemetry::{NewLine, Stream};

/// How often a context is packed anew because files changed while they were sent. After that it is sent as it comes, and the
/// image is not kept for reuse: something writes there all the time.
const TRIES: usize = 4;

/// Makes images for one stack.
#[derive(Debug)]
pub struct Workshop {
    docker: Docker,
    endpoint: Endpoint,
    builder: Builder,
    identity: Identity,
    cache: Arc<ContextCache>,
    images: Images,
}

/// Everything that is read before a builder is asked.
#[derive(Debug)]
pub(super) struct Packed {
    pub context: Arc<Tree>,
    /// A tree with the Dockerfile alone.
    pub dockerfile_tree: Arc<Tree>,
    pub dockerfile: PathBuf,
    pub dockerfile_name: String,
    pub dockerfile_text: Vec<u8>,
    pub bases: Vec<String>,
    pub syntax: Option<String>,
    pub secrets: HashMap<String, Vec<u8>>,
    pub key: String,
}

impl Workshop {
    /// A workshop on this engine.
    pub fn new(docker: Docker, endpoint: Endpoint, builder: Builder, identity: Identity) -> Self {
        Self {
            images: Images::new(docker.clone(), &identity),
            docker,
            endpoint,
            builder,
            identity,
            cache: Arc::default(),
        }
    }

    /// Which builder is used.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Makes the image of a service, or finds that it exists; whether it did. `fresh`: use no cache of any kind. Dropping the
    /// future cancels the build.
    pub async fn make(
        &self,
        service: &Service,
        fresh: bool,
        sink: &Sink,
    ) -> Result<(Built, bool), BuildFailure> {
        let Some(build) = &service.build else {
            return Err(plain(format!("{} has no `build`", service.name)));
        };
        let mut torn = Vec::new();
        loop {
            let packed = self.pack(build).await?;
            for path in packed.context.skipped.iter().filter(|_| torn.is_empty()) {
                say(
                    sink,
                    format!("left out {path}: a socket or device cannot be copied"),
                );
            }
            let strict = torn.len() < TRIES;
            match self
                .make_packed(service, build, &packed, fresh, strict, sink)
                .await
            {
                Ok(made) => return Ok(made),
                Err(Stopped::Failed(failure)) => return Err(failure),
                Err(Stopped::Torn(path)) => {
                    say(
                        sink,
                        format!(
                            "{} changed while it was sent: packing again",
                            path.display()
                        ),
                    );
                    torn.push(path);
                }
            }
        }
    }

    async fn make_packed(
        &self,
        service: &Service,
        build: &Build,
        packed: &Packed,
        fresh: bool,
        strict: bool,
        sink: &Sink,
    ) -> Result<(Built, bool), Stopped> {
        let may_reuse = !fresh && !build.no_cache && !build.pull;
        let lock = self.images.lock_of(&packed.key);
        let _making = lock.lock().await;
        let tags = self.tags(service);
        if may_reuse && let Some(image) = self.images.find(&packed.key).await {
            let tagged = self.images.tag(&image, &tags).await;
            tagged.map_err(|error| Stopped::message(format!("cannot name {image}: {error}")))?;
            say(
                sink,
                format!(
                    "nothing changed since {} was built: used again",
                    short(&image)
                ),
            );
            let transfer = super::model::Transfer::default();
            return Ok((Built { image, transfer }, true));
        }
        let order = self.order(service, build, tags, packed, fresh, strict);
        let transfer = match &self.builder {
            Builder::BuildKit => solve::solve(&self.endpoint, &order, packed, strict, sink).await?,
            Builder::Classic { .. } => {
                classic::build(&self.docker, &order, packed, strict, sink).await?
            }
        };
        let name = order.tags.first().map_or("", String::as_str);
        let image = self.images.id_of(name).await;
        let image = image.ok_or_else(|| {
            Stopped::message(format!(
                "{name} was built and is gone: built again or removed meanwhile"
            ))
        })?;
        if matches!(self.builder, Builder::Classic { .. }) {
            let tagged = self.images.tag(&image, &order.tags[1..]).await;
            tagged.map_err(|error| Stopped::message(format!("cannot name {image}: {error}")))?;
        }
        if strict {
            self.images.remember(&packed.key, &image).await;
        }
        say(
            sink,
            format!(
                "{} sent {}",
                short(&image),
                sent(&transfer, &packed.context)
            ),
        );
        Ok((Built { image, transfer }, false))
    }

    /// Removes old images of a service that lost their name, the newest few excepted.
    pub async fn sweep(&self, service: &Service) {
        self.images.sweep(service.name.as_str()).await;
        self.cache.forget_missing();
    }

    fn tags(&self, service: &Service) -> Vec<String> {
        let own = format!("{}:latest", self.identity.image(service.name.as_str()));
        [own].into_iter().chain(service.image.clone()).collect()
    }

    fn order(
        &self,
        service: &Service,
        build: &Build,
        tags: Vec<String>,
        packed: &Packed,
        fresh: bool,
        strict: bool,
    ) -> BuildOrder {
        let mut labels = self.identity.labels();
        labels.push((Identity::SERVICE.into(), service.name.to_string()));
        if strict {
            labels.push((Identity::CONTENT.into(), packed.key.clone()));
        }
        BuildOrder {
            build: build.clone(),
            tags,
            labels,
            shared_key: format!(
                "boatyard-{}-{}-{}",
                self.identity.stack, self.identity.hash, service.name
            ),
            fresh,
        }
    }

    async fn pack(&self, build: &Build) -> Result<Packed, BuildFailure> {
        let stop = Stop(Arc::default());
        let (cache, job, stopped) = (Arc::clone(&self.cache), build.clone(), Arc::clone(&stop.0));
        let packing = tokio::task::spawn_blocking(move || pack(&job, &cache, &stopped));
        let packed = packing
            .await
            .map_err(|error| plain(format!("packing the context failed: {error}")))?;
        drop(stop);
        let mut packed = packed.map_err(plain)?;
        let bases = self.images.ids_of(&packed.bases).await;
        packed.key = content_key(build, &packed.dockerfile_text, &bases, &packed.context);
        Ok(packed)
    }
}

/// Ends a walk when the build that wants it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads all that a build is made from; errors in words.
fn pack(build: &Build, cache: &ContextCache, stop: &AtomicBool) -> Result<Packed, String> {
    let text = std::fs::read(&build.dockerfile).map_err(|error| {
        let place = build.dockerfile.display();
        format!(
            "no Dockerfile can be read at {place} ({error}); create it, or set `build.dockerfile`"
        )
    })?;
    let rules = DockerIgnore::for_build(&build.context, &build.dockerfile)
        .map_err(|error| error.to_string())?;
    if let Some(problem) = rules.problems().first() {
        let place = rules
            .source()
            .unwrap_or(Path::new(".dockerignore"))
            .display()
            .to_string();
        return Err(format!("{place}: {problem}; correct or remove the line"));
    }
    let context =
        Tree::walk(&build.context, &rules, cache, stop).map_err(|error| error.to_string())?;
    let dockerfile = Dockerfile::parse(&String::from_utf8_lossy(&text));
    let name = build.dockerfile.file_name().and_then(|name| name.to_str());
    let name = name
        .ok_or("the Dockerfile's name is not UTF-8; rename it")?
        .to_owned();
    Ok(Packed {
        context: Arc::new(context),
        dockerfile_tree: Arc::new(lone(&build.dockerfile, &name, &text)),
        dockerfile: build.dockerfile.clone(),
        dockerfile_name: name,
        bases: dockerfile.bases(&build.args),
        syntax: dockerfile.syntax,
        dockerfile_text: text,
        secrets: secrets(build)?,
        key: String::new(),
    })
}

/// A tree with one file.
fn lone(place: &Path, name: &str, content: &[u8]) -> Tree {
    use sha2::{Digest, Sha256};
    let kind = EntryKind::File {
        size: content.len() as u64,
        hash: Sha256::digest(content).into(),
    };
    Tree {
        root: place.parent().unwrap_or(place).to_path_buf(),
        entries: vec![Entry {
            path: name.to_owned(),
            kind,
            mode: 0o644,
            modified: 0,
        }],
        skipped: Vec::new(),
    }
}

fn secrets(build: &Build) -> Result<HashMap<String, Vec<u8>>, String> {
    let mut values = HashMap::new();
    for secret in &build.secrets {
        let id = &secret.id;
        let value = match &secret.source {
            SecretSource::File(path) => std::fs::read(path).map_err(|error| {
                let place = path.display();
                format!("the build secret {id} cannot be read from {place} ({error}); create the file, or correct `build.secrets`")
            })?,
            SecretSource::Environment(name) => std::env::var_os(name)
                .map(std::ffi::OsString::into_encoded_bytes)
                .ok_or_else(|| format!("the build secret {id} comes from the environment variable {name}, which is not set; set it before starting"))?,
        };
        values.insert(id.clone(), value);
    }
    Ok(values)
}

fn plain(message: impl Into<String>) -> BuildFailure {
    BuildFailure {
        step: None,
        message: message.into(),
        last_lines: Vec::new(),
        missing_base: None,
    }
}

/// The first digits of an image's id.
fn short(image: &str) -> &str {
    let digits = image.strip_prefix("sha256:").unwrap_or(image);
    digits.get(..12).unwrap_or(digits)
}

fn sent(transfer: &super::model::Transfer, context: &Tree) -> String {
    let (sent, all) = (transfer.files.len(), context.entries.len());
    format!(
        "from {sent} changed files of {all}, {} bytes",
        transfer.bytes
    )
}

/// Performs the engine's wishes to build.
#[derive(Debug, Clone)]
pub struct Builds {
    wires: Wires,
    workshop: Arc<Workshop>,
    running: Arc<Mutex<HashMap<BuildId, oneshot::Sender<()>>>>,
}

impl Builds {
    /// Builds in this workshop.
    pub fn new(wires: Wires, workshop: Arc<Workshop>) -> Self {
        Self {
            wires,
            workshop,
            running: Arc::default(),
        }
    }

    /// Begins a build. It ends in exactly one of `BuildFinished`, `BuildFailed` and `BuildCancelled`.
    pub fn start(&self, build: BuildId, service: Arc<Service>, fresh: bool) {
        let (cancel, cancelled) = oneshot::channel();
        self.lock().insert(build, cancel);
        let this = self.clone();
        tokio::spawn(async move {
            let end = End {
                build,
                wires: this.wires.clone(),
                event: None,
            };
            this.run(end, build, service, fresh, cancelled).await;
        });
    }

    /// Stops a build; one that has ended already is left as it ended.
    pub fn cancel(&self, build: BuildId) {
        if let Some(cancel) = self.lock().remove(&build) {
            // A build that has just ended listens no more.
            let _ = cancel.send(());
        }
    }

    async fn run(
        &self,
        mut end: End,
        build: BuildId,
        service: Arc<Service>,
        fresh: bool,
        cancelled: oneshot::Receiver<()>,
    ) {
        let sink = self.sink(build, &service);
        let made = tokio::select! {
            biased;
            Ok(()) = cancelled => None,
            made = self.workshop.make(&service, fresh, &sink) => Some(made),
        };
        self.lock().remove(&build);
        let is_new = matches!(made, Some(Ok((_, false))));
        end.event = Some(match made {
            None => Event::BuildCancelled { build },
            Some(Ok((built, cached))) => Event::BuildFinished {
                build,
                image: built.image,
                cached,
            },
            Some(Err(failure)) => Event::BuildFailed { build, failure },
        });
        drop(end);
        if is_new {
            self.workshop.sweep(&service).await;
        }
    }

    /// Lines go to the log, steps to the engine.
    fn sink(&self, build: BuildId, service: &Service) -> Sink {
        let (wires, name) = (self.wires.clone(), service.name.clone());
        Arc::new(move |output| match output {
            Output::Step(step) => wires.tell(Event::BuildProgress { build, step }),
            Output::Line { at, bytes } => {
                wires.telemetry.logs().push(NewLine {
                    service: name.clone(),
                    run: build.0,
                    at,
                    stream: Stream::Build,
                    bytes,
                });
                wires.telemetry.touch();
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<BuildId, oneshot::Sender<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how a build ended when it is dropped, even if the task that built it broke.
struct End {
    build: BuildId,
    wires: Wires,
    event: Option<Event>,
}

impl Drop for End {
    fn drop(&mut self) {
        let event = self.event.take().unwrap_or_else(|| Event::BuildFailed {
            build: self.build,
            failure: plain("the build ended without a result, which is a fault of Boatyard; rebuild, and report it"),
        });
        self.wires.tell(event);
    }
}
