//! What a build says: steps, failures, secrets that it keeps, and its one end.

use std::fs;
use std::time::{Duration, Instant};

use boatyard::adapters::build::{Builder, Builds};
use boatyard::engine::{BuildId, Event};
use boatyard::stack::{BuildSecret, SecretSource};

use crate::classic;
use crate::support::{BASE, Yard};
use crate::until::until;

#[tokio::test]
async fn steps_are_counted_and_told() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY a /a\nRUN printf 'one\\n\\033[31mtwo\\033[0m\\n'; echo three >&2");
    yard.write("a", format!("{:?}", Instant::now()));
    let outcome = yard.make_service(&yard.service("app"), true).await;
    assert_eq!(outcome.steps.len(), 3, "{:?}", outcome.steps);
    // BuildKit does what several builds begin with once, under the number that the first of them gave it.
    let first = outcome.steps[0].split_once(' ');
    assert!(
        first.is_some_and(|(number, step)| number.starts_with("1/") && step.starts_with("FROM ")),
        "{:?}",
        outcome.steps
    );
    assert_eq!(outcome.steps[1], "2/3 COPY a /a");
    assert!(
        outcome.steps[2].starts_with("3/3 RUN printf"),
        "{:?}",
        outcome.steps
    );
    let has = |wanted: &str| outcome.lines.iter().any(|line| line.contains(wanted));
    assert!(
        has("one") && has("\u{1b}[31mtwo") && has("three"),
        "{:?}",
        outcome.lines
    );
    assert!(has("[3/3] done in "), "{:?}", outcome.lines);
}

#[tokio::test]
async fn targets_arguments_and_labels_reach_the_builder() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(mut yard) = Yard::with(builder.clone()).await else {
            return;
        };
        let text = "ARG BASE\nFROM ${BASE} AS first\nARG WORD=none\nRUN mkdir /ctx && echo $WORD > /ctx/first\nFROM first\nRUN echo x > /ctx/last\n";
        fs::write(&yard.build.dockerfile, text).unwrap();
        yard.build.target = Some("first".into());
        yard.build.args = vec![
            ("BASE".into(), BASE.into()),
            ("WORD".into(), "given".into()),
        ];
        yard.build.labels = vec![("own.label".into(), "mine".into())];
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "ctx").await;
        assert_eq!(tree.keys().collect::<Vec<_>>(), ["first"], "{builder}");
        assert!(tree["first"].contains("given"), "{tree:?}");
        let image = yard.docker.inspect_image(outcome.image()).await.unwrap();
        let labels = image.config.unwrap().labels.unwrap();
        assert_eq!(labels["own.label"], "mine");
        assert_eq!(labels["boatyard.service"], "app");
        assert_eq!(labels["boatyard.content"].len(), 64);
        assert_eq!(labels["boatyard.stack"], yard.identity.stack);
    }
}

#[tokio::test]
async fn secrets_are_mounted_and_leave_no_trace() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("RUN --mount=type=secret,id=token,required=true mkdir /ctx && cat /run/secrets/token | /bin/busybox md5sum > /ctx/sum");
    let file = yard.folder.path().join("token");
    fs::write(&file, "hunter2-token").unwrap();
    yard.build.secrets = vec![BuildSecret {
        id: "token".into(),
        source: SecretSource::File(file.clone()),
    }];
    let outcome = yard.make().await;
    let tree = yard.tree(outcome.image(), "ctx").await;
    // The beginning of the MD5 of the secret.
    assert!(tree["sum"].contains("ff6bf787ed6d4e39"), "{tree:?}");
    let history = yard.docker.image_history(outcome.image()).await.unwrap();
    let inspected = yard.docker.inspect_image(outcome.image()).await.unwrap();
    assert!(!format!("{history:?}{inspected:?}").contains("hunter2"));
    fs::remove_file(&file).unwrap();
    let message = yard.make().await.failure().message.clone();
    assert!(
        message.contains("token") && message.contains("build.secrets"),
        "{message}"
    );
    yard.build.secrets = vec![BuildSecret {
        id: "token".into(),
        source: SecretSource::Environment("BOATYARD_NOT_SET".into()),
    }];
    let message = yard.make().await.failure().message.clone();
    assert!(
        message.contains("BOATYARD_NOT_SET") && message.contains("not set"),
        "{message}"
    );
    yard.build.secrets.clear();
    let message = yard
        .make_service(&yard.service("app"), true)
        .await
        .failure()
        .message
        .clone();
    assert!(
        message.contains("token") && message.contains("build.secrets"),
        "{message}"
    );
    yard.build.secrets = vec![BuildSecret {
        id: "token".into(),
        source: SecretSource::File(file.clone()),
    }];
    fs::write(&file, "hunter2-token\n").unwrap();
    yard.dockerfile("RUN --mount=type=secret,id=token cat /run/secrets/token; exit 1");
    let outcome = yard.make().await;
    let said = format!("{:?} {:?}", outcome.lines, outcome.failure());
    assert!(said.contains("***") && !said.contains("hunter2"), "{said}");
    yard.build.secrets.clear();
    yard.dockerfile("RUN --mount=type=secret,id=token true");
    let warning = "mounts the secret token, which nobody gives";
    let lines = yard.make().await.lines;
    assert!(lines.iter().any(|line| line.contains(warning)), "{lines:?}");
}

#[tokio::test]
async fn failures_say_what_where_and_what_to_do() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(yard) = Yard::with(builder.clone()).await else {
            return;
        };
        yard.dockerfile("RUN echo before; echo the reason >&2; exit 7");
        let failure = yard.make().await.failure().clone();
        assert!(failure.message.contains('7'), "{builder}: {failure:?}");
        assert!(
            failure.step.as_ref().unwrap().contains("exit 7"),
            "{builder}: {failure:?}"
        );
        let lines: Vec<&str> = failure.last_lines.iter().map(|line| line.trim()).collect();
        assert!(
            lines.contains(&"before") && lines.contains(&"the reason"),
            "{builder}: {failure:?}"
        );
        assert_eq!(failure.missing_base, None);

        yard.dockerfile("\nRUN true\nFORM x");
        let failure = yard.make().await.failure().clone();
        assert!(
            failure.message.contains("line 4") && failure.message.contains("FORM"),
            "{builder}: {failure:?}"
        );

        yard.dockerfile("COPY nowhere /x");
        let failure = yard.make().await.failure().clone();
        assert!(
            failure.message.contains("nowhere") && failure.message.contains(".dockerignore"),
            "{builder}: {failure:?}"
        );

        fs::write(
            &yard.build.dockerfile,
            "FROM boatyard-test/not-there:9\nRUN true\n",
        )
        .unwrap();
        let failure = yard.make().await.failure().clone();
        assert_eq!(
            failure.missing_base.as_deref(),
            Some("boatyard-test/not-there:9"),
            "{builder}: {failure:?}"
        );
        assert!(failure.message.contains("FROM"), "{builder}: {failure:?}");

        fs::remove_file(&yard.build.dockerfile).unwrap();
        let failure = yard.make().await.failure().clone();
        assert!(
            failure.message.contains("no Dockerfile"),
            "{builder}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn wrong_ignore_patterns_and_targets_are_named() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    yard.write(".dockerignore", "fine\n[bad\n");
    let message = yard.make().await.failure().message.clone();
    assert!(
        message.contains(".dockerignore: line 2") && message.contains("[bad"),
        "{message}"
    );
    yard.write(".dockerignore", "fine\n");
    yard.build.target = Some("nostage".into());
    let message = yard.make().await.failure().message.clone();
    assert!(
        message.contains("nostage") && message.contains("build.target"),
        "{message}"
    );
}

/// Whether a process of this machine has these words on its command line.
fn is_running(words: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .any(|line| {
            String::from_utf8_lossy(&line)
                .replace('\0', " ")
                .contains(words)
        })
}

#[tokio::test]
async fn cancelling_stops_the_engine_and_tells_once() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(yard) = Yard::with(builder.clone()).await else {
            return;
        };
        let marker = format!(
            "{}.{}",
            40_000 + std::process::id(),
            if builder == Builder::BuildKit { 1 } else { 2 }
        );
        yard.dockerfile(&format!("RUN echo begun; /bin/sleep {marker}"));
        let (wires, mut events) = Yard::wires();
        let builds = Builds::new(wires, yard.workshop.clone());
        builds.start(BuildId(7), yard.service("app").into(), false);
        let words = format!("/bin/sleep {marker}");
        until("the step runs", || is_running(&words)).await;
        let began = Instant::now();
        builds.cancel(BuildId(7));
        let mut told = Vec::new();
        while told.last() != Some(&Event::BuildCancelled { build: BuildId(7) }) {
            told.push(
                tokio::time::timeout(Duration::from_secs(5), events.recv())
                    .await
                    .unwrap()
                    .unwrap(),
            );
        }
        let heard = began.elapsed();
        let stopped = until("the step is gone", || !is_running(&words)).await;
        println!(
            "{builder}: cancelled after {heard:?}, gone after {:?}",
            heard + stopped
        );
        builds.cancel(BuildId(7));
        let ends = told
            .iter()
            .filter(|event| !matches!(event, Event::BuildProgress { .. }))
            .count();
        assert_eq!(ends, 1);
        assert!(events.try_recv().is_err());

        yard.dockerfile("COPY . /ctx/");
        builds.start(BuildId(8), yard.service("app").into(), false);
        let end = loop {
            let event = tokio::time::timeout(Duration::from_secs(20), events.recv())
                .await
                .unwrap()
                .unwrap();
            if !matches!(event, Event::BuildProgress { .. }) {
                break event;
            }
        };
        assert!(
            matches!(
                end,
                Event::BuildFinished {
                    build: BuildId(8),
                    cached: false,
                    ..
                }
            ),
            "{end:?}"
        );
    }
}
