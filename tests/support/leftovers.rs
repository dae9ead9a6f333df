//! What tests that were killed left in the container engine: found by its labels, and removed by the next run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

/// How each kind of thing is listed, and removed. A network goes after its containers.
const KINDS: [(&[&str], &[&str]); 3] = [
    (&["container", "ls", "-a"], &["container", "rm", "-f", "-v"]),
    (&["network", "ls"], &["network", "rm"]),
    (&["volume", "ls"], &["volume", "rm", "-f"]),
];

/// Removes, once in each process, what stacks of tests left whose process is gone.
pub(crate) fn remove_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (list, remove) in KINDS {
            let name = if list[0] == "volume" {
                "{{.Name}}"
            } else {
                "{{.ID}}"
            };
            let format = format!(
                "{{{{.Label \"boatyard.stack\"}}}}\t{{{{.Label \"boatyard.directory\"}}}}\t{name}"
            );
            let filter = ["--filter", "label=boatyard.stack", "--format", &format];
            let left = docker(&[list, &filter].concat());
            let left: Vec<&str> = left
                .lines()
                .filter_map(|line| {
                    let (stack, rest) = line.split_once('\t')?;
                    let (folder, name) = rest.split_once('\t')?;
                    Some((stack, Path::new(folder), name))
                })
                // Nobody keeps a stack of his own among temporary files.
                .filter(|(_, folder, _)| folder.starts_with(std::env::temp_dir()))
                .filter(|(stack, ..)| is_left(stack, |pid| Path::new("/proc").join(pid).is_dir()))
                .map(|(.., name)| name)
                .collect();
            if !left.is_empty() {
                docker(&[remove, &left].concat());
            }
        }
    });
}

/// Whether a stack of this name is that of a test, whose process is gone: tests name theirs `WORD-PID-NUMBER` or `btPID-NUMBER`.
fn is_left(stack: &str, is_alive: impl Fn(&str) -> bool) -> bool {
    const BEGINNINGS: [&str; 5] = ["luck-", "shop-", "hello-flask-", "buildtest-", "bt"];
    let mut rests = BEGINNINGS
        .iter()
        .filter_map(|word| stack.strip_prefix(word));
    let Some(rest) = rests.next() else {
        return false;
    };
    let mut numbers = rest.split('-');
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let pid = numbers.next().filter(is_number);
    let number = numbers.next().filter(is_number);
    number.is_some() && pid.is_some_and(|pid| !is_alive(pid))
}

/// What `docker` printed; nothing where there is none.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn only_what_a_dead_test_left_is_taken_for_left() {
    let stacks = [
        ("luck-7-34477", false),
        ("luck-7-34477-review", false),
        ("luck-8-34477", true),
        ("bt8-0", true),
        ("shop-8-40000", true),
        ("shop", false),
        ("hello-flask-8-40000", true),
        ("shop-8", false),
        ("shop-8-x", false),
        ("mine-8-40000", false),
        ("bt8", false),
        ("", false),
    ];
    for (stack, expected) in stacks {
        assert_eq!(is_left(stack, |pid| pid == "7"), expected, "{stack}");
    }
}
