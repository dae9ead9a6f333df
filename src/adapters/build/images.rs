//! The images that Boatyard has made: found again by their content, named, and removed when they are many.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::layers::{Layer, Past, layers};
use super::surplus::{Old, surplus};
use crate::adapters::Identity;

/// The stack's images by content.
#[derive(Debug)]
pub(super) struct Images {
    docker: Docker,
    hash: String,
    /// What the names of the stack's images begin with.
    prefix: String,
    known: OnceCell<Mutex<Known>>,
    /// What an image weighs never changes, so it is asked for once.
    weights: Mutex<HashMap<String, Arc<Weight>>>,
}

/// What this session knows of the stack's images.
#[derive(Debug, Default)]
struct Known {
    by_content: HashMap<String, String>,
    /// When an image was built or used again, in nanoseconds since 1970.
    used: HashMap<String, i128>,
}

/// What is asked about one image.
#[derive(Debug)]
struct Weight {
    layers: Vec<Layer>,
    /// When its topmost layer was made or the engine was last asked to name it, in nanoseconds since 1970: what is known of
    /// an image that an earlier session used.
    named: i128,
}

impl Images {
    pub(super) fn new(docker: Docker, identity: &Identity) -> Self {
        Self {
            docker,
            hash: identity.hash.clone(),
            prefix: identity.image(""),
            known: OnceCell::new(),
            weights: Mutex::default(),
        }
    }

    /// The id of an image of this content that the engine still has. It counts as used from now on.
    pub(super) async fn find(&self, content: &str) -> Option<String> {
        let known = self.known().await;
        let id = {
            let mut known = lock(known);
            let id = known.by_content.get(content).cloned()?;
            known.used.insert(id.clone(), now());
            id
        };
        if self.id_of(&id).await.is_some() {
            return Some(id);
        }
        lock(known).forget(&id);
        None
    }

    /// Remembers which image has this content; `None`: one that is not to be found again.
    pub(super) async fn remember(&self, content: Option<&str>, id: &str) {
        let mut known = lock(self.known().await);
        known.used.insert(id.to_owned(), now());
        if let Some(content) = content {
            known.by_content.insert(content.to_owned(), id.to_owned());
        }
    }

    /// The id of the image of this name, if the engine has it.
    pub(super) async fn id_of(&self, name: &str) -> Option<String> {
        self.docker.inspect_image(name).await.ok()?.id
    }

    /// Names with the ids that they have on this engine; empty for those that it does not have.
    pub(super) async fn ids_of(&self, names: &[String]) -> Vec<(String, String)> {
        let ids = names.iter().map(|name| self.id_of(name));
        let ids = join_all(ids)
            .await
            .into_iter()
            .map(Option::unwrap_or_default);
        names.iter().cloned().zip(ids).collect()
    }

    /// Gives an image these names.
    pub(super) async fn tag(&self, id: &str, names: &[String]) -> Result<(), Error> {
        for name in names {
            let (repository, tag) = split(name);
            let options = TagImageOptions {
                repo: Some(repository.to_owned()),
                tag: Some(tag.to_owned()),
            };
            self.docker.tag_image(id, Some(options)).await?;
        }
        Ok(())
    }

    /// Removes the images that Boatyard made for this stack, that have no name any more and that are not worth their place.
    /// The engine itself refuses to remove what a container uses.
    pub(super) async fn sweep(&self, budget: u64) {
        let began = now();
        let Ok(images) = self.list().await else {
            return;
        };
        let listed: HashSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
        lock(&self.weights).retain(|id, _| listed.contains(id.as_str()));
        let mut weighed = Vec::new();
        for image in images {
            let weight = self.weigh(&image).await;
            weighed.extend(weight.map(|weight| (image, weight)));
        }
        let known = self.known().await;
        let (named, nameless): (Vec<_>, Vec<_>) =
            weighed.into_iter().partition(|(image, _)| has_name(image));
        let held: HashSet<String> = named
            .iter()
            .flat_map(|(_, weight)| weight.layers.iter().map(|layer| layer.name.clone()))
            .collect();
        let old = nameless.into_iter().map(|(image, weight)| {
            let used = lock(known).used.get(&image.id).copied();
            old(image, &weight, used)
        });
        for id in surplus(old.collect(), &held, budget) {
            // From here on nobody finds it, and whoever found it before has left a mark.
            let Some(content) = lock(known).give_up(&id, began) else {
                continue;
            };
            let options = None::<RemoveImageOptions>;
            if let Err(error) = self.docker.remove_image(&id, options, None).await {
                tracing::debug!(image = id, %error, "an old image stays");
                lock(known).take_back(content, &id);
            }
        }
    }

    /// Layers and age of an image; nothing if it went away.
    async fn weigh(&self, image: &ImageSummary) -> Option<Arc<Weight>> {
        if let Some(known) = lock(&self.weights).get(&image.id) {
            return Some(Arc::clone(known));
        }
        let inspected = self.docker.inspect_image(&image.id).await.ok()?;
        let history = self.docker.image_history(&image.id).await.ok()?;
        let history = history.into_iter().rev().map(|past| Past {
            made_by: past.created_by,
            bytes: u64::try_from(past.size).unwrap_or_default(),
        });
        let history: Vec<Past> = history.collect();
        let content = inspected.root_fs.and_then(|content| content.layers);
        let tagged = inspected.metadata.and_then(|data| data.last_tag_time);
        let times = [inspected.created, tagged].into_iter().flatten();
        let times = times.filter_map(|time| time.parse::<Timestamp>().ok());
        let size = u64::try_from(image.size).unwrap_or_default();
        let weight = Arc::new(Weight {
            layers: layers(&content.unwrap_or_default(), &history, size),
            named: times
                .map(Timestamp::as_nanosecond)
                .max()
                .unwrap_or_default(),
        });
        lock(&self.weights).insert(image.id.clone(), Arc::clone(&weight));
        Some(weight)
    }

    async fn known(&self) -> &Mutex<Known> {
        let load = async || {
            let mut images = self.list().await.unwrap_or_default();
            // An image that somebody built upon one of ours has inherited the label, but has a name of its own.
            images.retain(|image| {
                !has_name(image)
                    || image
                        .repo_tags
                        .iter()
                        .any(|tag| tag.starts_with(&self.prefix))
            });
            // Of two with one content the newer is found.
            images.sort_by_key(|image| image.created);
            let by_content = images.into_iter().filter_map(|mut image| {
                let content = image.labels.remove(Identity::CONTENT)?;
                Some((content, image.id))
            });
            Mutex::new(Known {
                by_content: by_content.collect(),
                used: HashMap::new(),
            })
        };
        self.known.get_or_init(load).await
    }

    /// The images that Boatyard built for this stack. One that somebody made of a container has inherited the container's
    /// labels, among them the number of its run.
    async fn list(&self) -> Result<Vec<ImageSummary>, Error> {
        let label = format!("{}={}", Identity::HASH, self.hash);
        let options = ListImagesOptions {
            filters: Some(HashMap::from([("label".to_owned(), vec![label])])),
            ..ListImagesOptions::default()
        };
        let mut images = self.docker.list_images(Some(options)).await?;
        images.retain(|image| {
            image.labels.contains_key(Identity::SERVICE)
                && !image.labels.contains_key(Identity::RUN)
        });
        Ok(images)
    }
}

impl Known {
    fn forget(&mut self, id: &str) {
        self.by_content.retain(|_, known| known != id);
        self.used.remove(id);
    }

    /// Forgets an image that is to go, unless it was used since this moment; the contents that it was known by.
    fn give_up(&mut self, id: &str, since: i128) -> Option<Vec<String>> {
        if self.used.get(id).is_some_and(|used| *used >= since) {
            return None;
        }
        let known = self.by_content.iter().filter(|(_, known)| *known == id);
        let contents = known.map(|(content, _)| content.clone()).collect();
        self.forget(id);
        Some(contents)
    }

    /// An image that was given up is still there.
    fn take_back(&mut self, contents: Vec<String>, id: &str) {
        for content in contents {
            self.by_content
                .entry(content)
                .or_insert_with(|| id.to_owned());
        }
    }
}

fn old(mut image: ImageSummary, weight: &Weight, used: Option<i128>) -> Old {
    Old {
        service: image.labels.remove(Identity::SERVICE).unwrap_or_default(),
        content: image.labels.remove(Identity::CONTENT),
        used: used.unwrap_or(weight.named),
        layers: weight.layers.clone(),
        id: image.id,
    }
}

/// Whether anybody has given an image a name, or fetched it by its digest.
fn has_name(image: &ImageSummary) -> bool {
    let names = image.repo_tags.iter().chain(&image.repo_digests);
    names.into_iter().any(|name| !name.starts_with("<none>"))
}

/// Nanoseconds since 1970.
fn now() -> i128 {
    Timestamp::now().as_nanosecond()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name as repository and tag.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}
