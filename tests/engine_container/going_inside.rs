//! Terminals inside containers: shells, commands, images without a shell, and the program's own terminal.

use std::sync::Arc;

use boatyard::engine::{Inside, RunId};
use boatyard::stack::{CommandWords, Service};
use boatyard::telemetry::terminals::{Key, Kind, Size, Standing, Terminal};
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptions};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::engine::{PATIENCE, Rig, shell};

/// Goes inside a run, as the session does.
fn go(rig: &Rig, run: u64, what: Inside) -> Arc<Terminal> {
    let (kind, line) = match &what {
        Inside::Shell => (Kind::Shell, None),
        Inside::Own => (Kind::Own, None),
        Inside::Command { line } => (Kind::Command, Some(line.clone())),
    };
    let service = format!("s{run}").as_str().into();
    let key = Key { service, kind };
    let inside = rig.telemetry.terminals().open(key, run, line);
    let inside = inside.expect("none of this kind is open");
    let terminal = Arc::clone(&inside.terminal);
    rig.containers.go_inside(RunId(run), what, inside);
    terminal
}

fn command(line: &str) -> Inside {
    Inside::Command { line: line.into() }
}

/// What a terminal shows, row by row.
fn text(terminal: &Terminal) -> String {
    let mut rows = vec![String::new()];
    terminal.cells(|_, row, symbol, _| {
        rows.resize(rows.len().max(usize::from(row) + 1), String::new());
        rows[usize::from(row)].push_str(symbol);
    });
    let rows = rows.iter().map(|row| row.trim_end());
    rows.collect::<Vec<_>>().join("\n")
}

/// Waits until a terminal is as wished.
async fn until(rig: &Rig, terminal: &Terminal, wished: impl Fn(&Terminal) -> bool) {
    let mut changes = rig.telemetry.terminals().changes();
    let waiting = async {
        while !wished(terminal) {
            changes.changed().await.expect("the terminals are there");
        }
    };
    let in_time = timeout(PATIENCE, waiting).await.is_ok();
    let standing = terminal.standing();
    assert!(in_time, "it showed, {standing:?}:\n{}", text(terminal));
}

async fn shows(rig: &Rig, terminal: &Terminal, words: &str) {
    until(rig, terminal, |terminal| text(terminal).contains(words)).await;
}

/// Waits until it is over; how it ended.
async fn over(rig: &Rig, terminal: &Terminal) -> String {
    until(rig, terminal, Terminal::is_over).await;
    match terminal.standing() {
        Standing::Ended(how) => how,
        other => panic!("{other:?}"),
    }
}

const FOREVER: &str = "trap 'exit 0' TERM; while :; do sleep 0.05; done";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_is_worked_in_resized_and_left_with_exit() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &shell("s1", FOREVER)).await;
    let terminal = go(&rig, 1, Inside::Shell);
    shows(&rig, &terminal, "#").await;
    assert!(matches!(terminal.standing(), Standing::Open(with) if with == "/bin/sh"));
    terminal.type_in(b"echo $((6*7)) $GREETING\r".to_vec());
    shows(&rig, &terminal, "42 hello").await;
    terminal.resize(Size {
        columns: 91,
        rows: 17,
    });
    terminal
        .type_in(b"while [ \"$(stty size)\" != '17 91' ]; do :; done; echo as w''ide\r".to_vec());
    shows(&rig, &terminal, "as wide").await;
    terminal.type_in(b"echo s''leeps; sleep 1000\r".to_vec());
    shows(&rig, &terminal, "sleeps").await;
    terminal.type_in(b"\x03".to_vec());
    terminal.type_in(b"exit 3\r".to_vec());
    assert_eq!(over(&rig, &terminal).await, "exit code 3");
    assert!(text(&terminal).contains("── exit code 3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_tell_how_they_ended() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &shell("s1", FOREVER)).await;
    for (line, shown, how) in [
        ("echo one; echo two >&2; exit 7", "two", "exit code 7"),
        (
            "nosuchthing",
            "not found",
            "exit code 127: its command was not found",
        ),
        (
            "printf 'x%.0s' 1 2 3 | tr x y",
            "yyy",
            "it ended well: exit code 0",
        ),
    ] {
        let terminal = go(&rig, 1, command(line));
        assert_eq!(over(&rig, &terminal).await, how, "{line}");
        assert!(text(&terminal).contains(shown), "{}", text(&terminal));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ended_by_hand_is_gone_with_all_that_it_started() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &shell("s1", FOREVER)).await;
    let terminal = go(&rig, 1, Inside::Shell);
    shows(&rig, &terminal, "#").await;
    terminal.type_in(b"(trap '' HUP; sleep 4711) & sleep 4712\r".to_vec());
    shows(&rig, &terminal, "sleep 4712").await;
    terminal.end();
    assert_eq!(over(&rig, &terminal).await, "ended, as you asked");
    let left = go(
        &rig,
        1,
        command("ps | grep 'sleep 471' | grep -v grep; echo looked"),
    );
    over(&rig, &left).await;
    assert!(text(&left).starts_with("looked"), "{}", text(&left));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_run_ends_the_shell_in_it() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(1, &shell("s1", FOREVER)).await;
    let terminal = go(&rig, 1, Inside::Shell);
    shows(&rig, &terminal, "#").await;
    rig.containers.kill(RunId(1));
    rig.exited(1).await;
    over(&rig, &terminal).await;
    assert_eq!(rig.container_names().await, [""; 0]);
}

/// An image that has one program and no shell: busybox under the name of its `sleep`.
async fn hollow(rig: &Rig) -> String {
    let name = format!("boatyard-test-hollow-{}", std::process::id());
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(&name)
        .tag("1")
        .build();
    let mut tar = tar::Builder::new(Vec::new());
    for (path, file) in [
        ("app/sleep", "/bin/busybox"),
        ("app/readme", "/etc/hostname"),
    ] {
        tar.append_path_with_name(file, path).unwrap();
    }
    let body = bollard::body_full(tar.into_inner().unwrap().into());
    let client = &rig.engine.client;
    let mut import = Box::pin(client.create_image(Some(options), Some(body), None));
    while let Some(step) = import.next().await {
        step.expect("it can be imported");
    }
    format!("{name}:1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_without_a_shell_is_lent_one_of_this_machine() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let image = hollow(&rig).await;
    let mut service = Service::named("s1");
    service.image = Some(image.clone());
    service.command = Some(CommandWords::Words(vec![
        "/app/sleep".into(),
        "5000".into(),
    ]));
    rig.started(1, &service).await;
    let terminal = go(&rig, 1, Inside::Shell);
    shows(&rig, &terminal, "image has no shell").await;
    shows(&rig, &terminal, "files are below /proc/1/root").await;
    terminal.type_in(b"ls $ROOT/app; cat /proc/1/cmdline | tr '\\0' ' '; echo $((6*7))\r".to_vec());
    shows(&rig, &terminal, "readme").await;
    shows(&rig, &terminal, "sleep 5000").await;
    shows(&rig, &terminal, "42").await;
    terminal.type_in(b"touch /usr/x 2>&1 | grep -o 'Read-only'\r".to_vec());
    shows(&rig, &terminal, "\nRead-only").await;
    terminal.end();
    assert_eq!(over(&rig, &terminal).await, "ended, as you asked");
    assert_eq!(
        rig.container_names().await.len(),
        1,
        "only the service's own is left"
    );
    // What the image itself has is run without a shell.
    let terminal = go(&rig, 1, command("/app/sleep 0.1"));
    assert_eq!(over(&rig, &terminal).await, "it ended well: exit code 0");
    let terminal = go(&rig, 1, command("/bin/nothing"));
    let how = over(&rig, &terminal).await;
    let said = text(&terminal);
    assert!(
        how.contains("127") || how.contains("126") || how.contains("cannot be started"),
        "{how}: {said}"
    );
    rig.containers.kill(RunId(1));
    rig.exited(1).await;

    // Whoever the program runs as: its files are seen by the same user.
    service.name = "s2".into();
    service.user = Some("1234:1234".into());
    rig.started(2, &service).await;
    let terminal = go(&rig, 2, Inside::Shell);
    shows(&rig, &terminal, "files are below /proc/1/root").await;
    terminal.type_in(b"id -u; ls $ROOT/app\r".to_vec());
    shows(&rig, &terminal, "1234").await;
    shows(&rig, &terminal, "readme").await;
    rig.containers.kill(RunId(2));
    rig.exited(2).await;
    over(&rig, &terminal).await;
    let removed = rig
        .engine
        .client
        .remove_image(&image, None::<RemoveImageOptions>, None);
    removed.await.expect("it is not used any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_programs_own_terminal_is_typed_into_where_it_has_one() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let line = "echo ready; while read -r word; do echo \"got $word\"; done";
    let mut service = shell("s1", line);
    service.tty = true;
    service.container.stdin_open = true;
    rig.started(1, &service).await;
    rig.until_log(|rig| rig.lines().iter().any(|line| line.line.bytes == b"ready"))
        .await;
    let terminal = go(&rig, 1, Inside::Own);
    shows(&rig, &terminal, "ready").await;
    until(&rig, &terminal, |it| {
        matches!(it.standing(), Standing::Open(_))
    })
    .await;
    terminal.type_in(b"tea\r".to_vec());
    shows(&rig, &terminal, "got tea").await;
    terminal.end();
    assert_eq!(over(&rig, &terminal).await, "detached; its program goes on");
    // Seen in the log too, and attached to again.
    rig.until_log(|rig| rig.lines().iter().any(|line| line.line.bytes == b"got tea"))
        .await;
    let again = go(&rig, 1, Inside::Own);
    shows(&rig, &again, "got tea").await;
    again.type_in(b"more\r".to_vec());
    shows(&rig, &again, "got more").await;

    rig.started(2, &shell("s2", FOREVER)).await;
    let none = go(&rig, 2, Inside::Own);
    let how = over(&rig, &none).await;
    assert!(
        how.contains("has no terminal") && how.contains("`tty`"),
        "{how}"
    );
}
