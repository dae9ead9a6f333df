//! Which images are used again, and which go.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Yard;

#[tokio::test]
async fn switching_back_reuses_the_image() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    let mut service = yard.service("app");
    service.image = Some(format!("{}/named:v1", yard.identity.image("app")));
    yard.write("file", "A");
    let a = yard.make_service(&service, false).await;
    assert!(!a.is_reused());
    yard.write("file", "B");
    let b = yard.make_service(&service, false).await;
    assert!(!b.is_reused());
    yard.write("file", "A");
    let again = yard.make_service(&service, false).await;
    assert!(again.is_reused());
    assert_eq!(again.image(), a.image());
    for name in [
        format!("{}:latest", yard.identity.image("app")),
        service.image.clone().unwrap(),
    ] {
        let found = yard.docker.inspect_image(&name).await.unwrap();
        assert_eq!(found.id.as_deref(), Some(a.image()), "{name}");
    }
    yard.reopen();
    yard.write("file", "B");
    assert!(
        yard.make_service(&service, false).await.is_reused(),
        "a later session finds it too"
    );
    let fresh = yard.make_service(&service, true).await;
    assert!(!fresh.is_reused(), "fresh builds");
}

#[tokio::test]
async fn whatever_decides_about_the_image_decides_about_reuse() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("ARG X=0\nCOPY . /ctx/\nRUN echo $X > /x");
    yard.write("file", "1");
    assert!(!yard.make().await.is_reused());
    assert!(yard.make().await.is_reused());
    yard.build.args = vec![("X".into(), "1".into())];
    assert!(!yard.make().await.is_reused(), "an argument");
    yard.dockerfile("ARG X=0\nCOPY . /ctx/\nRUN echo $X > /x # and");
    assert!(!yard.make().await.is_reused(), "the Dockerfile");
    fs::set_permissions(
        yard.build.context.join("file"),
        PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    assert!(!yard.make().await.is_reused(), "a mode");
    yard.write(".dockerignore", "file\n");
    let outcome = yard.make().await;
    assert!(!outcome.is_reused(), "the ignore rules");
    assert!(!yard.tree(outcome.image(), "ctx").await.contains_key("file"));
}

#[tokio::test]
async fn old_images_go_and_others_stay() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    let Some(other) = Yard::new().await else {
        return;
    };
    for yard in [&yard, &other] {
        yard.dockerfile("COPY . /ctx/");
    }
    for version in 0..2 {
        other.write("file", format!("other {version}"));
        other.make().await;
    }
    for version in 0..7 {
        yard.write("file", version.to_string());
        yard.make().await;
    }
    yard.workshop.sweep(&yard.service("app")).await;
    assert_eq!(
        yard.images().await.len(),
        4,
        "the current one and three to go back to"
    );
    assert_eq!(
        other.images().await.len(),
        2,
        "another stack's are left alone"
    );
    yard.write("file", "5");
    assert!(yard.make().await.is_reused());
    yard.write("file", "0");
    assert!(!yard.make().await.is_reused());
}

#[tokio::test]
async fn two_services_with_one_context_build_it_once() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/\nRUN sleep 0.2");
    yard.write("file", "shared");
    let (first, second) = (yard.service("one"), yard.service("two"));
    let (first, second) = tokio::join!(
        yard.make_service(&first, false),
        yard.make_service(&second, false)
    );
    assert_ne!(first.is_reused(), second.is_reused());
    assert_eq!(first.image(), second.image());
}
