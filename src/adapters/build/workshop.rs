//! Making one image: reused if it exists, else built by the builder that the engine has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bollard::Docker;

use super::builder::Builder;
use super::cache::ContextCache;
use super::content::content_key;
use super::endpoint::Endpoint;
use super::images::Images;
use super::model::{BuildOrder, Built, Sink, Stopped, Transfer, plain, say};
use super::pack::{Packed, pack};
use super::tree::Tree;
use super::{classic, solve};
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
            if torn.is_empty() {
                warn(&packed, sink);
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
            let transfer = Transfer::default();
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
