//! What travels, and what is in the image: exactly the context, whatever happens while it is sent.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use boatyard::adapters::build::Builder;

use crate::classic;
use crate::support::{self, Yard, on_disk};

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
    let name = format!("{}:latest", yard.identity.image("app"));
    let named = yard.docker.inspect_image(&name).await.unwrap();
    assert_eq!(
        named.id.as_deref(),
        Some(first.image()),
        "as the builder told"
    );
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
