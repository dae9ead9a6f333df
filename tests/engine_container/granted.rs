//! Configs and secrets: files inside, from wherever they come.

use boatyard::stack::{FileContent, Grant, Service};
use boatyard::telemetry::Stream;

use crate::engine::{Rig, shell};

fn grant(source: &str, content: FileContent) -> Grant {
    Grant {
        source: source.into(),
        content,
        target: None,
        uid: None,
        gid: None,
        mode: None,
    }
}

fn value(text: &str) -> FileContent {
    FileContent::Environment {
        variable: "KEY".into(),
        value: text.into(),
    }
}

/// Owner, mode and content of each path, a line each.
fn look(paths: &[&str]) -> Service {
    let each = paths
        .iter()
        .map(|path| format!("stat -c '%u %g %a' {path} | tr '\\n' ' '; cat {path}; echo"));
    shell("s", &each.collect::<Vec<_>>().join("; "))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_are_where_they_are_expected_with_the_owner_and_mode_that_are_said() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let file = rig.folder.path().join("token");
    std::fs::write(&file, "of a file").unwrap();
    let mut service = look(&[
        "/run/secrets/key",
        "/run/secrets/named",
        "/etc/app.conf",
        "/run/secrets/token",
        "/owned",
    ]);
    let mut named = grant("other", value("named"));
    named.target = Some("named".into());
    (named.uid, named.gid, named.mode) = (Some("1000".into()), Some("50".into()), Some(0o400));
    let mut conf = grant("conf", FileContent::Text("text = 1".into()));
    conf.target = Some("/etc/app.conf".into());
    let mut owned = grant("owned", FileContent::File(file.clone()));
    owned.mode = Some(0o440);
    service.container.secrets = vec![
        grant("key", value("s3cret")),
        named,
        grant("token", FileContent::File(file)),
    ];
    service.container.configs = vec![conf, owned];
    rig.start(1, &service);
    assert!(rig.exited(1).await.is_success());
    let said = rig.text(Stream::Stdout);
    assert_eq!(
        said[..3],
        ["0 0 444 s3cret", "1000 50 400 named", "0 0 444 text = 1"]
    );
    assert!(said[3].ends_with("of a file"), "{said:?}");
    assert_eq!(said[4], "0 0 440 of a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_cannot_be_written_gets_them_too() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = look(&["/run/secrets/key"]);
    service.container.read_only = true;
    service.container.secrets = vec![grant("key", value("s3cret"))];
    rig.start(1, &service);
    assert!(rig.exited(1).await.is_success());
    let said = rig.text(Stream::Stdout);
    assert!(said[0].ends_with("444 s3cret"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_there_is_named() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = look(&["/run/secrets/key"]);
    let file = FileContent::File("/no/such/token".into());
    service.container.secrets = vec![grant("key", file)];
    rig.start(1, &service);
    let why = rig.failed(1).await.message;
    assert!(
        why.contains("secret key") && why.contains("/no/such/token"),
        "{why}"
    );
}
