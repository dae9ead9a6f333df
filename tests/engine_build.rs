//! Builds by the real engine: what travels, what ends up in the image, what is reused, what failures say.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it skips"
)]

#[path = "engine_build/support.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use boatyard::adapters::build::{Builder, Builds, probe_builder};
use boatyard::engine::{BuildId, Event};
use boatyard::stack::{BuildSecret, SecretSource};
use support::{BASE, Yard, endpoint, engine, on_disk};

fn classic() -> Builder {
    Builder::Classic {
        why: "asked for by the test".into(),
    }
}

#[tokio::test]
async fn buildkit_is_found_where_the_engine_has_it() {
    if engine().await.is_none() {
        return;
    }
    assert_eq!(probe_builder(&endpoint()).await, Builder::BuildKit);
}

#[tokio::test]
async fn an_engine_without_grpc_has_the_classic_builder() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let answering = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).await.unwrap();
        assert!(read > 0);
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found";
        stream.write_all(answer).await.unwrap();
    });
    let builder = probe_builder(&boatyard::adapters::build::Endpoint::Unix(socket)).await;
    answering.await.unwrap();
    let Builder::Classic { why } = builder else {
        panic!("{builder:?}")
    };
    assert!(why.contains("404") && why.contains("not found"), "{why}");
}

#[tokio::test]
async fn only_the_changed_file_travels() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    yard.write("small", "1");
    yard.write("large", vec![7; 3 << 20]);
    let first = yard.make().await;
    assert_eq!(first.sent(), ["Dockerfile", "large", "small"]);
    yard.write("small", "2");
    let second = yard.make().await;
    assert_eq!(second.sent(), ["small"]);
    assert_eq!(second.result.as_ref().unwrap().0.transfer.bytes, 1);
    assert_eq!(
        yard.tree(second.image(), "ctx").await,
        on_disk(&yard.build.context)
    );
}

#[tokio::test]
async fn steps_are_counted_and_told() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY a /a\nRUN printf 'one\\n\\033[31mtwo\\033[0m\\n'; echo three >&2");
    yard.write("a", format!("{:?}", Instant::now()));
    let outcome = yard.make_service(&yard.service("app"), true).await;
    assert_eq!(outcome.steps.len(), 3, "{:?}", outcome.steps);
    assert!(
        outcome.steps[0].starts_with("1/3 FROM "),
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
async fn a_change_that_hides_behind_size_and_time_is_seen() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    let place = yard.build.context.join("file");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for content in ["aaaa", "bbbb", "cccc", "aaaa", "dddd"] {
        fs::write(&place, content).unwrap();
        fs::File::open(&place)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "ctx").await;
        assert_eq!(tree, on_disk(&yard.build.context), "{content}");
    }
}

#[tokio::test]
async fn edits_while_the_context_is_sent_never_leave_a_stale_image() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    yard.write("steady", vec![1; 1 << 20]);
    for round in 0..6 {
        let place = yard.build.context.join("busy");
        let writer = std::thread::spawn(move || {
            for count in 0..400 {
                fs::write(&place, format!("{round} {count} ").repeat(2000)).unwrap();
                std::thread::yield_now();
            }
        });
        let during = yard.make().await;
        assert!(during.result.is_ok(), "{:?}", during.result);
        writer.join().unwrap();
        let after = yard.make().await;
        let tree = yard.tree(after.image(), "ctx").await;
        assert_eq!(tree, on_disk(&yard.build.context), "round {round}");
    }
}

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
async fn ignored_files_are_absent_and_the_dockerfile_may_be_ignored() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(yard) = Yard::with(builder.clone()).await else {
            return;
        };
        yard.dockerfile("COPY . /ctx/");
        yard.write(
            ".dockerignore",
            "Dockerfile\n.dockerignore\n**/node_modules\n*.log\ndocs\n!docs/keep\n",
        );
        for path in [
            "src/a",
            "node_modules/x/y",
            "web/node_modules/z",
            "a.log",
            "docs/no",
            "docs/keep",
        ] {
            yard.write(path, path);
        }
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "ctx").await;
        let paths: Vec<&str> = tree.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            ["docs", "docs/keep", "src", "src/a", "web"],
            "{builder}"
        );
    }
}

#[tokio::test]
async fn a_dockerfile_outside_of_the_context_is_not_in_the_image() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(mut yard) = Yard::with(builder.clone()).await else {
            return;
        };
        yard.build.dockerfile = yard.folder.path().join("Outside.Dockerfile");
        yard.dockerfile("COPY . /ctx/");
        let rules = yard.folder.path().join("Outside.Dockerfile.dockerignore");
        fs::write(rules, "secret*\n").unwrap();
        yard.write("a", "a");
        yard.write("secret.txt", "no");
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "ctx").await;
        assert_eq!(tree.keys().collect::<Vec<_>>(), ["a"], "{builder}");
    }
}

#[tokio::test]
async fn many_files_and_large_ones_travel_whole() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.build.dockerfile = yard.folder.path().join("Dockerfile");
    yard.dockerfile("COPY . /ctx/");
    for number in 0..6000 {
        yard.write(&format!("{}/{number}", number % 30), number.to_string());
    }
    let large: Vec<u8> = (0..12_000_000_u32)
        .map(|byte| byte.to_le_bytes()[byte as usize % 3])
        .collect();
    yard.write("large", large);
    let outcome = yard.make().await;
    assert_eq!(outcome.sent().len(), 6001);
    let tree = yard.tree(outcome.image(), "ctx").await;
    assert_eq!(tree, on_disk(&yard.build.context));
}

/// A small reproducible random number generator (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % limit
    }
}

/// Adds, changes and removes entries of a context at random.
fn shake(folder: &std::path::Path, dice: &mut Dice) {
    let names = ["a", "a.b", "a-b", "B", "ü", "x y", "z%41"];
    for _ in 0..12 {
        let mut place = folder.to_path_buf();
        for _ in 0..=dice.below(3) {
            place.push(names[dice.below(names.len())]);
        }
        if place
            .parent()
            .is_some_and(|parent| fs::create_dir_all(parent).is_err())
        {
            continue;
        }
        match dice.below(6) {
            0 => drop(fs::remove_file(&place).or_else(|_| fs::remove_dir_all(&place))),
            1 => drop(symlink(
                ["a", "../a", "/etc/passwd", "nowhere"][dice.below(4)],
                &place,
            )),
            2 => drop(fs::create_dir_all(&place)),
            _ if place.is_symlink() => {}
            _ => {
                let size = [0, 1, 100, 40_000, 300_000][dice.below(5)];
                let byte = b'a' + u8::try_from(dice.below(26)).unwrap();
                if fs::write(&place, vec![byte; size]).is_ok() {
                    let mode = [0o644, 0o600, 0o755, 0o444, 0o4755, 0o1777][dice.below(6)];
                    fs::set_permissions(&place, PermissionsExt::from_mode(mode)).unwrap();
                }
            }
        }
    }
}

#[tokio::test]
async fn the_image_has_exactly_the_tree_whatever_changes() {
    let seed = std::env::var("BOATYARD_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(u64::from(std::process::id()) * 7919);
    println!("BOATYARD_SEED={seed}");
    let mut dice = Dice(seed | 1);
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    let Some(second) = Yard::with(classic()).await else {
        return;
    };
    yard.build.dockerfile = yard.folder.path().join("Dockerfile");
    yard.dockerfile("COPY . /ctx/");
    for round in 0..8 {
        shake(&yard.build.context, &mut dice);
        let wanted = on_disk(&yard.build.context);
        let outcome = yard.make().await;
        assert!(
            outcome.result.is_ok(),
            "round {round}: {:?}",
            outcome.result
        );
        assert_eq!(
            yard.tree(outcome.image(), "ctx").await,
            wanted,
            "round {round}"
        );
        if round % 4 == 0 {
            // The classic builder itself drops set-id bits.
            let plain = |what: &String| what.replace("file 4755", "file 755");
            let wanted: BTreeMap<_, _> = wanted
                .iter()
                .map(|(path, what)| (path.clone(), plain(what)))
                .collect();
            let outcome = second.make_service(&yard.service("app"), false).await;
            assert_eq!(
                second.tree(outcome.image(), "ctx").await,
                wanted,
                "classic, round {round}"
            );
        }
    }
}

#[tokio::test]
async fn targets_arguments_and_labels_reach_the_builder() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(mut yard) = Yard::with(builder.clone()).await else {
            return;
        };
        let text = format!(
            "ARG BASE\nFROM ${{BASE}} AS first\nARG WORD=none\nRUN mkdir /ctx && echo $WORD > /ctx/first\nFROM first\nRUN echo x > /ctx/last\n"
        );
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

/// Waits for a condition, bounded.
async fn until(what: &str, mut condition: impl FnMut() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "waited too long until {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
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
        let (wires, mut events) = yard.wires();
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

#[tokio::test]
async fn builds_cut_off_at_any_moment_leave_no_stale_content() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    let mut dice = Dice(u64::from(std::process::id()) | 1);
    let (sink, _outputs) = support::sink();
    for round in 0..12 {
        for file in 0..4 {
            yard.write(
                &format!("file{file}"),
                format!("{round} {file} ").repeat(60_000),
            );
        }
        let service = yard.service("app");
        let cut = Duration::from_millis(dice.below(60) as u64);
        drop(tokio::time::timeout(cut, yard.workshop.make(&service, false, &sink)).await);
        yard.write("file0", format!("{round} last"));
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "ctx").await;
        assert_eq!(tree, on_disk(&yard.build.context), "round {round}");
    }
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

#[tokio::test]
#[ignore = "a measurement, run by hand"]
async fn how_long_a_one_file_change_takes() {
    for (what, builder) in [("BuildKit", Builder::BuildKit), ("classic", classic())] {
        let Some(yard) = Yard::with(builder).await else {
            return;
        };
        yard.dockerfile("COPY . /ctx/");
        yard.write("a", "a");
        yard.write("b", what);
        yard.make().await;
        let mut times = Vec::new();
        for round in 0..20 {
            yard.write("a", round.to_string());
            times.push(timed(&yard).await);
        }
        say(what, "one changed file of three", times);
    }
}

#[tokio::test]
#[ignore = "a measurement, run by hand"]
async fn how_long_it_takes_when_the_engine_has_the_layer() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    yard.dockerfile("COPY . /ctx/");
    let mut times = Vec::new();
    for round in 0..42 {
        yard.write("a", (round % 2).to_string());
        // A label makes a new image of the same layers.
        yard.build.labels = vec![("round".into(), round.to_string())];
        let took = timed(&yard).await;
        if round >= 2 {
            times.push(took);
        }
    }
    say("BuildKit", "one changed file, its layer is known", times);
}

/// How long a build takes that is not answered from the images that exist.
async fn timed(yard: &Yard) -> Duration {
    let began = Instant::now();
    let outcome = yard.make().await;
    assert!(!outcome.is_reused());
    began.elapsed()
}

fn say(builder: &str, what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (least, most) = (times[0], times[times.len() - 1]);
    println!(
        "{builder}, {what}: median {:?}, {least:?} to {most:?}",
        times[times.len() / 2]
    );
}
