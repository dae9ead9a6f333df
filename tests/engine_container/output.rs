//! What containers print arrives whole, in order, told apart.

use boatyard::telemetry::Stream;

use crate::engine::{Rig, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_line_is_never_lost_and_200_000_are_complete() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.start(1, &shell("loud", "seq 1 200000"));
    assert!(rig.exited(1).await.is_success());
    // All of it is in the store by the time the end is told.
    let lines = rig.text(Stream::Stdout);
    assert_eq!(lines.len(), 200_000);
    let wrong = lines
        .iter()
        .enumerate()
        .find(|(at, line)| **line != (at + 1).to_string());
    assert_eq!(wrong, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_told_apart_and_a_last_line_without_end_counts() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.start(
        1,
        &shell(
            "both",
            "echo out; echo err >&2; printf 'a\\r\\nlast'; printf tail >&2",
        ),
    );
    let exit = rig.exited(1).await;
    assert_eq!(rig.text(Stream::Stdout), ["out", "a", "last"]);
    assert_eq!(rig.text(Stream::Stderr), ["err", "tail"]);
    let mut last = exit.last_lines;
    last.sort();
    assert_eq!(last, ["a", "err", "last", "out", "tail"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_gives_one_stream_with_plain_line_ends() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut service = shell("tty", "test -t 1 && echo yes; echo err >&2");
    service.tty = true;
    rig.start(1, &service);
    rig.exited(1).await;
    assert_eq!(rig.text(Stream::Stdout), ["yes", "err"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_long_line_of_odd_bytes_is_stored_whole() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.start(
        1,
        &shell(
            "long",
            "head -c 3000000 /dev/zero; echo; printf '\\377\\033[31mx\\n'",
        ),
    );
    rig.exited(1).await;
    let lines = rig.lines();
    assert_eq!(lines[0].line.bytes.len(), 3_000_000);
    assert_eq!(lines[1].line.bytes, b"\xff\x1b[31mx");
    assert_eq!(lines.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_closes_its_outputs_lives_on() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(
        1,
        &shell("quiet", "echo before; exec >&- 2>&-; sleep 1.5; exit 4"),
    )
    .await;
    assert_eq!(rig.exited(1).await.code, Some(4));
    assert_eq!(rig.text(Stream::Stdout), ["before"]);
}
