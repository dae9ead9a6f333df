//! Which old images go: those of the stack that nobody named and nobody uses, the least recently used first; never others.

use std::collections::{BTreeSet, HashMap};

use boatyard::adapters::Identity;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CommitContainerOptions, CreateContainerOptions, RemoveContainerOptions, RemoveImageOptions,
    TagImageOptions,
};

use crate::classic;
use crate::support::{BASE, Outcome, Yard};

/// Builds the context with this file as its content.
async fn version(yard: &Yard, text: &str) -> Outcome {
    yard.write("file", text);
    yard.make().await
}

async fn ids(yard: &Yard) -> BTreeSet<String> {
    yard.images()
        .await
        .into_iter()
        .map(|image| image.id)
        .collect()
}

#[tokio::test]
async fn the_least_recently_used_go_and_what_was_gone_back_to_stays() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    // No layer of its own for each version: that is quick, and what decides is the time of use alone.
    let mut made = Vec::new();
    for number in 0..13 {
        yard.dockerfile(&format!("ENV VERSION={number}"));
        made.push(yard.make().await.image().to_owned());
    }
    for number in [1, 12] {
        yard.dockerfile(&format!("ENV VERSION={number}"));
        assert!(yard.make().await.is_reused());
    }
    yard.workshop.sweep().await;
    let wanted: BTreeSet<String> = [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        .map(|number: usize| made[number].clone())
        .into();
    assert_eq!(ids(&yard).await, wanted, "ten and the current one");
    yard.reopen();
    yard.dockerfile("ENV VERSION=13");
    yard.make().await;
    yard.workshop.sweep().await;
    let left = ids(&yard).await;
    assert!(
        left.contains(&made[1]),
        "a later session knows what was used last"
    );
    assert_eq!(left.len(), 11);
    yard.dockerfile("ENV VERSION=1");
    assert!(yard.make().await.is_reused());
    yard.dockerfile("ENV VERSION=0");
    assert!(!yard.make().await.is_reused());
}

#[tokio::test]
async fn what_the_classic_builder_left_goes_too() {
    let Some(yard) = Yard::with(classic()).await else {
        return;
    };
    yard.workshop.set_budget(Some(0));
    yard.dockerfile("COPY . /ctx/");
    for number in 0..4 {
        version(&yard, &number.to_string()).await;
    }
    yard.workshop.sweep().await;
    assert_eq!(
        ids(&yard).await.len(),
        3,
        "the current one and two to go back to"
    );
}

#[tokio::test]
async fn what_old_images_weigh_is_held_against_the_budget() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY large /large\nCOPY file /file");
    yard.write("large", vec![1; 20 << 20]);
    for number in 0..4 {
        version(&yard, &number.to_string()).await;
    }
    yard.workshop.set_budget(Some(10 << 20));
    yard.workshop.sweep().await;
    assert_eq!(
        ids(&yard).await.len(),
        4,
        "what the current one holds is not counted"
    );
    yard.write("large", vec![2; 20 << 20]);
    version(&yard, "large").await;
    yard.workshop.set_budget(None);
    yard.workshop.sweep().await;
    assert_eq!(ids(&yard).await.len(), 5, "10 GB are not reached");
    yard.workshop.set_budget(Some(10 << 20));
    yard.workshop.sweep().await;
    assert_eq!(ids(&yard).await.len(), 3, "two stay anyhow");
}

#[tokio::test]
async fn images_of_others_named_ones_and_used_ones_survive() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let Some(other) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    other.dockerfile("COPY . /ctx/\nRUN true");
    for number in 0..2 {
        version(&other, &format!("other {number}")).await;
    }
    let named = version(&yard, "named").await.image().to_owned();
    let tag = format!("{}-kept", yard.identity.image("app"));
    let options = TagImageOptions {
        repo: Some(tag.clone()),
        tag: Some("by-hand".into()),
    };
    yard.docker.tag_image(&named, Some(options)).await.unwrap();
    let used = version(&yard, "used").await.image().to_owned();
    let holder = container(&yard, &used).await;
    let foreign = foreign(&yard).await;
    for number in 0..4 {
        version(&yard, &number.to_string()).await;
    }
    let before = ids(&other).await;
    yard.workshop.set_budget(Some(0));
    yard.workshop.sweep().await;
    let mut left = ids(&yard).await;
    assert!(left.remove(&foreign), "somebody made it of a container");
    assert!(left.contains(&named), "somebody named it");
    assert!(left.contains(&used), "a container uses it");
    assert_eq!(
        left.len(),
        5,
        "these, the current one, and two to go back to"
    );
    assert_eq!(ids(&other).await, before, "another stack's");
    assert!(yard.docker.inspect_image(BASE).await.is_ok());
    assert!(
        version(&yard, "used").await.is_reused(),
        "what could not go is still found"
    );
    let nothing = None::<RemoveContainerOptions>;
    yard.docker
        .remove_container(&holder, nothing)
        .await
        .unwrap();
    drop(
        yard.docker
            .remove_image(&foreign, None::<RemoveImageOptions>, None)
            .await,
    );
}

/// A container of this image that never ran.
async fn container(yard: &Yard, image: &str) -> String {
    let body = ContainerCreateBody {
        image: Some(image.into()),
        cmd: Some(vec!["/bin/true".into()]),
        labels: Some(labels(yard)),
        ..ContainerCreateBody::default()
    };
    let made = yard
        .docker
        .create_container(None::<CreateContainerOptions>, body);
    made.await.unwrap().id
}

/// The labels that a run's container has.
fn labels(yard: &Yard) -> HashMap<String, String> {
    let own = [(Identity::SERVICE, "app"), (Identity::RUN, "1")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    yard.identity.labels().into_iter().chain(own).collect()
}

/// A nameless image that somebody made of a container of ours (`docker commit`): it has inherited the labels.
async fn foreign(yard: &Yard) -> String {
    let container = container(yard, BASE).await;
    let options = CommitContainerOptions {
        container: Some(container.clone()),
        ..CommitContainerOptions::default()
    };
    let config = bollard::models::ContainerConfig::default();
    let made = yard.docker.commit_container(options, config).await.unwrap();
    let nothing = None::<RemoveContainerOptions>;
    yard.docker
        .remove_container(&container, nothing)
        .await
        .unwrap();
    made.id
}
