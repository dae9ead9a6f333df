//! Which images are used again, and which go.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Yard;
use crate::until::until;

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

#[tokio::test]
async fn unchanged_files_are_not_read_again_and_shared_ones_are_read_once() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    for number in 0..200 {
        yard.write(&format!("{}/{number}", number % 7), number.to_string());
    }
    // A file that was written just now is read again, since a later change could carry the same time.
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    let settled = until("the files are no longer new", || {
        is_settled(&yard.build.context)
    });
    settled.await;
    let (first, second) = (yard.service("one"), yard.service("two"));
    let (first, second) = tokio::join!(
        yard.make_service(&first, false),
        yard.make_service(&second, false)
    );
    assert_eq!(first.image(), second.image());
    assert_eq!(yard.workshop.files_read(), 201, "each file once for both");
    yard.make().await;
    assert_eq!(yard.workshop.files_read(), 201);
    let place = yard.build.context.join("0/0");
    fs::write(&place, "changed").unwrap();
    fs::File::open(&place).unwrap().set_modified(old).unwrap();
    let changed = yard.make().await;
    assert!(!changed.is_reused());
    assert_eq!(yard.workshop.files_read(), 202, "the changed file alone");
}

/// Whether every file was last changed longer ago than a tick of any file system's clock.
fn is_settled(folder: &std::path::Path) -> bool {
    let age = |place: &std::path::Path| fs::metadata(place).unwrap().modified().unwrap().elapsed();
    age(&folder.join("Dockerfile")).is_ok_and(|age| age.as_millis() > 100)
        && age(&folder.join("3/199")).is_ok_and(|age| age.as_millis() > 100)
}
