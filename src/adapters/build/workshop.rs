//! Making one image: reused if it exists, else built by the builder that the engine has.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bollard::Docker;

use super::builder::Builder;
use super::cache::ContextCache;
use super::content::content_key;
use super::images::Images;
use super::locks::Locks;
use super::mask::Mask;
use super::model::{BuildOrder, Built, Sink, Stopped, Transfer, plain, say};
use super::pack::{Opening, Packed, open, pack};
use super::surplus::BUDGET;
use super::tree::Tree;
use super::{classic, solve};
use crate::adapters::Endpoint;
use crate::adapters::Identity;
use crate::engine::BuildFailure;
use crate::stack::{Build, Service};

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
    /// One lock for each context that is being read, so that what two services share is read once.
    reading: Locks,
    /// One lock for each content that is being made, so that two services with one context build it once.
    making: Locks,
    /// How many bytes old images may have.
    budget: AtomicU64,
}

/// One try to make an image.
struct Job<'a> {
    service: &'a Service,
    build: &'a Build,
    packed: &'a Packed,
    fresh: bool,
    strict: bool,
    sink: &'a Sink,
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
            reading: Locks::default(),
            making: Locks::default(),
            budget: AtomicU64::new(BUDGET),
        }
    }

    /// How many bytes the stack's old images may have together; `None`: as many as is usual.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.budget
            .store(bytes.unwrap_or(BUDGET), Ordering::Relaxed);
    }

    /// How often a file of a context was read to learn its content.
    pub fn files_read(&self) -> u64 {
        self.cache.files_read()
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
        let mut torn = PathBuf::new();
        for tries in 0..=2 * TRIES {
            let packed = self.pack(build).await?;
            if tries == 0 {
                warn(&packed, sink);
            }
            let mask = Mask::of(&packed.secrets);
            let job = Job {
                service,
                build,
                packed: &packed,
                fresh,
                strict: tries < TRIES,
                sink: &mask.before(sink),
            };
            match self.perform(&job).await {
                Ok(made) => return Ok(made),
                Err(Stopped::Failed(failure)) => return Err(mask.failure(failure)),
                Err(Stopped::Torn(path)) => {
                    let place = path.display();
                    say(
                        sink,
                        format!("{place} changed while it was sent: packing again"),
                    );
                    torn = path;
                }
            }
        }
        let place = torn.display();
        Err(plain(format!(
            "{place} comes and goes faster than it can be sent; exclude it in .dockerignore"
        )))
    }

    async fn perform(&self, job: &Job<'_>) -> Result<(Built, bool), Stopped> {
        let lock = self.making.of(&job.packed.key);
        let _making = lock.lock().await;
        let tags = self.tags(job.service);
        if let Some(image) = self.reuse(job, &tags).await {
            let words = format!(
                "nothing changed since {} was built: used again",
                short(&image)
            );
            say(job.sink, words);
            let transfer = Transfer::default();
            return Ok((Built { image, transfer }, true));
        }
        let order = self.order(job, tags);
        let (packed, strict, sink) = (job.packed, job.strict, job.sink);
        let (transfer, image) = match &self.builder {
            Builder::BuildKit => {
                let solved = solve::solve(&self.endpoint, &order, packed, strict, sink).await?;
                (solved.transfer, solved.image)
            }
            Builder::Classic { .. } => {
                let build = classic::build(&self.docker, &order, packed, strict, sink);
                (build.await?, None)
            }
        };
        let image = match image {
            Some(image) => image,
            None => self.named(&order.tags).await?,
        };
        let content = strict.then_some(packed.key.as_str());
        self.images.remember(content, &image).await;
        let travelled = sent(&transfer, &packed.context);
        say(sink, format!("{} sent {travelled}", short(&image)));
        Ok((Built { image, transfer }, false))
    }

    /// An image of the same content, with the names it should have. One that goes away under our hands is no reason to fail.
    async fn reuse(&self, job: &Job<'_>, tags: &[String]) -> Option<String> {
        if job.fresh || job.build.no_cache || job.build.pull {
            return None;
        }
        let image = self.images.find(&job.packed.key).await?;
        self.images.tag(&image, tags).await.ok()?;
        Some(image)
    }

    /// The id of the image that was just built. BuildKit has given it all of its names, the classic builder the first.
    async fn named(&self, tags: &[String]) -> Result<String, Stopped> {
        let (first, others) = tags
            .split_first()
            .ok_or_else(|| Stopped::message("an image needs a name"))?;
        let image = self.images.id_of(first).await;
        let image = image.ok_or_else(|| {
            Stopped::message(format!(
                "{first} was built and somebody removed it; rebuild"
            ))
        })?;
        if matches!(self.builder, Builder::Classic { .. }) {
            let tagged = self.images.tag(&image, others).await;
            tagged.map_err(|error| Stopped::message(format!("cannot name {image}: {error}")))?;
        }
        Ok(image)
    }

    /// Removes old images of the stack that are not worth their place, and forgets files that are gone.
    pub async fn sweep(&self) {
        self.images.sweep(self.budget.load(Ordering::Relaxed)).await;
        let cache = Arc::clone(&self.cache);
        drop(tokio::task::spawn_blocking(move || cache.forget_missing()).await);
    }

    fn tags(&self, service: &Service) -> Vec<String> {
        let own = format!("{}:latest", self.identity.image(service.name.as_str()));
        let service_name = service.name.as_str();
        let image = service.image.clone();
        let image = image.or_else(|| self.identity.compose_image(service_name));
        [own].into_iter().chain(image).collect()
    }

    fn order(&self, job: &Job<'_>, tags: Vec<String>) -> BuildOrder {
        let service = &job.service.name;
        let mut labels = self.identity.labels();
        labels.push((Identity::SERVICE.into(), service.to_string()));
        if job.strict {
            labels.push((Identity::CONTENT.into(), job.packed.key.clone()));
        }
        let Identity { stack, hash, .. } = &self.identity;
        BuildOrder {
            build: job.build.clone(),
            tags,
            labels,
            shared_key: format!("boatyard-{stack}-{hash}-{service}"),
            fresh: job.fresh,
        }
    }

    /// Reads all that a build is made from. The engine is asked for the base images meanwhile.
    async fn pack(&self, build: &Build) -> Result<Packed, BuildFailure> {
        let job = Arc::new(build.clone());
        let opened = Arc::clone(&job);
        let opening = blocking(move || open(&opened)).await?;
        let bases = opening.bases.clone();
        let (packed, bases) = tokio::join!(
            self.read(Arc::clone(&job), opening),
            self.images.ids_of(&bases)
        );
        let mut packed = packed?;
        packed.key = content_key(build, &packed.dockerfile_text, &bases, &packed.context);
        Ok(packed)
    }

    /// Walks the context. Who wants the same one at the same time waits, and then finds every file's content known.
    async fn read(&self, build: Arc<Build>, opening: Opening) -> Result<Packed, BuildFailure> {
        let lock = self.reading.of(&build.context.to_string_lossy());
        let _reading = lock.lock().await;
        let stop = Stop(Arc::default());
        let (cache, stopped) = (Arc::clone(&self.cache), Arc::clone(&stop.0));
        let packed = blocking(move || pack(&build, opening, &cache, &stopped)).await;
        drop(stop);
        packed
    }
}

/// Does what waits for the file system where that holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, BuildFailure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| plain(format!("packing the context failed: {error}")))?
        .map_err(plain)
}

/// What a person should know before the build begins.
fn warn(packed: &Packed, sink: &Sink) {
    for path in &packed.context.skipped {
        say(
            sink,
            format!("left out {path}: a socket or device cannot be copied"),
        );
    }
    for id in &packed.missing_secrets {
        let remedy = "give it under `build.secrets`";
        say(
            sink,
            format!("warning: the Dockerfile mounts the secret {id}, which nobody gives; {remedy}"),
        );
    }
}

/// Ends a walk when the build that wants it is dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The first digits of an image's id.
fn short(image: &str) -> &str {
    let digits = image.strip_prefix("sha256:").unwrap_or(image);
    digits.get(..12).unwrap_or(digits)
}

fn sent(transfer: &Transfer, context: &Tree) -> String {
    let (sent, all) = (transfer.files.len(), context.entries.len());
    format!(
        "from {sent} changed files of {all}, {} bytes",
        transfer.bytes
    )
}
