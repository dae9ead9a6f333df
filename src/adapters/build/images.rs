//! The images that Boatyard has made: found again by their content, named, and removed when they are many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use futures_util::future::join_all;
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::adapters::Identity;

/// How many images of a service without a name are kept, so that switching back to an earlier state is instant.
const KEPT: usize = 3;

/// The stack's images by content.
#[derive(Debug)]
pub(super) struct Images {
    docker: Docker,
    hash: String,
    by_content: OnceCell<Mutex<HashMap<String, String>>>,
    /// One lock for each content that is being made, so that two services with one context build it once.
    making: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
}

impl Images {
    pub(super) fn new(docker: Docker, identity: &Identity) -> Self {
        Self {
            docker,
            hash: identity.hash.clone(),
            by_content: OnceCell::new(),
            making: Mutex::default(),
        }
    }

    /// The lock for making this content. Locks that nobody holds are forgotten.
    pub(super) fn lock_of(&self, content: &str) -> Arc<AsyncMutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        making.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(making.entry(content.to_owned()).or_default())
    }

    /// The id of an image of this content that the engine still has.
    pub(super) async fn find(&self, content: &str) -> Option<String> {
        let known = self.known().await;
        let id = known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(content)
            .cloned()?;
        if self.id_of(&id).await.is_some() {
            return Some(id);
        }
        known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(content);
        None
    }

    /// Remembers which image has this content.
    pub(super) async fn remember(&self, content: &str, id: &str) {
        let known = self.known().await;
        known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(content.to_owned(), id.to_owned());
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

    /// Removes images that Boatyard made for this service, that have no name any more and that nothing uses, the newest few
    /// excepted. The engine itself refuses to remove what is in use.
    pub(super) async fn sweep(&self, service: &str) {
        let Ok(mut nameless) = self.list(Some(service)).await else {
            return;
        };
        nameless.sort_by_key(|image| std::cmp::Reverse(image.created));
        for image in nameless.into_iter().skip(KEPT) {
            let removed = self
                .docker
                .remove_image(&image.id, None::<RemoveImageOptions>, None)
                .await;
            if let Err(error) = removed {
                tracing::debug!(image = image.id, %error, "an old image stays");
            }
        }
    }

    async fn known(&self) -> &Mutex<HashMap<String, String>> {
        let load = async || {
            let images = self.list(None).await.unwrap_or_default();
            let by_content = images.into_iter().filter_map(|mut image| {
                let content = image.labels.remove(Identity::CONTENT)?;
                Some((content, image.id))
            });
            Mutex::new(by_content.collect())
        };
        self.by_content.get_or_init(load).await
    }

    /// The stack's images; with a service: its nameless ones.
    async fn list(&self, service: Option<&str>) -> Result<Vec<ImageSummary>, Error> {
        let mut labels = vec![format!("{}={}", Identity::HASH, self.hash)];
        let mut filters = HashMap::new();
        if let Some(service) = service {
            labels.push(format!("{}={service}", Identity::SERVICE));
            filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
        }
        filters.insert("label".to_owned(), labels);
        let options = ListImagesOptions {
            filters: Some(filters),
            ..ListImagesOptions::default()
        };
        self.docker.list_images(Some(options)).await
    }
}

/// A name as repository and tag.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}
