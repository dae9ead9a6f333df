//! Process services as they really run: real programs, real terminals, real kills.

mod process_kit;
#[path = "support/until.rs"]
mod until;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use boatyard::engine::{Event, Exit, RunId, TerminalSize};
use boatyard::telemetry::Stream;
use process_kit::{Bench, alive};
use until::until;

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_signals_are_told_apart() {
    let mut bench = Bench::new();
    let cases = [
        ("exit 0", Some(0), None),
        ("exit 3", Some(3), None),
        ("exit 143", Some(143), None),
        ("kill -TERM $$", None, Some("SIGTERM")),
        ("kill -KILL $$", None, Some("SIGKILL")),
        ("kill -SEGV $$", None, Some("SIGSEGV")),
    ];
    for (script, code, signal) in cases {
        let run = bench.start(script);
        let exit = bench.exit(run).await;
        assert_eq!(
            (exit.code, exit.signal.as_deref()),
            (code, signal),
            "{script}"
        );
    }
    bench.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_long_output_is_kept_before_the_end_is_told() {
    let mut bench = Bench::new();
    let run = bench.start("seq 1 200000; echo no newline at the end | tr -d '\\n'");
    let exit = bench.exit(run).await;
    assert_eq!(exit.last_lines.len(), 20);
    assert_eq!(
        exit.last_lines.last().map(String::as_str),
        Some("no newline at the end")
    );
    let lines = bench.lines(run);
    assert_eq!(lines.len(), 200_001);
    let complete = (1..=200_000)
        .zip(&lines)
        .all(|(number, (_, line))| *line == number.to_string());
    assert!(complete, "every line, in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_streams_are_terminals_and_told_apart() {
    let mut bench = Bench::new();
    let run = bench.start(
        "test -t 0 && test -t 1 && test -t 2 && printf '\\033[32mgreen\\033[0m\\n'; echo trouble >&2; echo $TERM $COLUMNS $LINES $(stty size)",
    );
    assert!(bench.exit(run).await.is_success());
    let of = |stream: Stream| -> Vec<String> {
        let lines = bench.lines(run).into_iter();
        lines
            .filter(|(of, _)| *of == stream)
            .map(|(_, line)| line)
            .collect()
    };
    assert_eq!(
        of(Stream::Stdout),
        ["\x1b[32mgreen\x1b[0m", "xterm-256color 120 40 40 120"]
    );
    assert_eq!(of(Stream::Stderr), ["trouble"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_both_streams_keep_their_order_when_they_are_apart() {
    let mut bench = Bench::new();
    let run = bench
        .start("for i in 1 2 3 4 5; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done");
    bench.exit(run).await;
    let lines: Vec<String> = bench.lines(run).into_iter().map(|(_, line)| line).collect();
    let expected: Vec<String> = (1..=5)
        .flat_map(|i| [format!("out {i}"), format!("err {i}")])
        .collect();
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_gets_its_folder_its_port_and_its_environment() {
    let mut bench = Bench::new();
    let run = bench.start("pwd -P; echo $PORT; echo $GREETING; echo ${HOME:+home}");
    let (_, port) = bench.started(run).await;
    bench.exit(run).await;
    let lines: Vec<String> = bench.lines(run).into_iter().map(|(_, line)| line).collect();
    let folder = bench.folder().canonicalize().unwrap();
    assert_eq!(
        lines,
        [
            folder.display().to_string(),
            port.to_string(),
            "hello".into(),
            "home".into()
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_without_line_end_is_seen_and_can_be_answered() {
    let mut bench = Bench::new();
    let run = bench.start("printf 'Name? '; read name; echo hello $name");
    bench.until_line(run, "Name? ").await;
    bench.processes.write(run, b"Ada\n".to_vec());
    assert!(bench.exit(run).await.is_success());
    bench.until_line(run, "hello Ada").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_see_that_terminals_were_resized() {
    let mut bench = Bench::new();
    let script =
        "trap 'stty size; stty size <&2; exit 0' WINCH; echo up; while :; do sleep 0.05; done";
    let runs = [bench.start(script), bench.start(script)];
    for run in runs {
        bench.until_line(run, "up").await;
    }
    bench.processes.resize(TerminalSize {
        columns: 77,
        rows: 23,
    });
    for run in runs {
        bench.exit(run).await;
        assert_eq!(said(&bench, run), ["up", "23 77", "23 77"]);
    }
    let later = bench.start("echo $COLUMNS $LINES $(stty size)");
    bench.exit(later).await;
    assert_eq!(said(&bench, later), ["77 23 23 77"]);
}

fn said(bench: &Bench, run: RunId) -> Vec<String> {
    let lines = bench.lines(run).into_iter();
    lines.map(|(_, line)| line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn control_c_typed_into_the_terminal_reaches_the_program() {
    let mut bench = Bench::new();
    let run = bench.start("echo up; sleep 1000");
    bench.until_line(run, "up").await;
    bench.processes.write(run, vec![3]);
    let exit = bench.exit(run).await;
    assert_eq!(exit.signal.as_deref(), Some("SIGINT"), "{exit:?}");
}

/// A script that leaves a child, a child in a session of its own, and one that was forked twice; it prints their ids.
/// The last one ignores polite signals and has nothing in its environment by which it could be known.
const DETACHES: &str = "sleep 1001 & echo pid $!; \
    setsid sh -c 'echo pid $$; exec sleep 1002' & \
    (setsid env -i sh -c 'trap \"\" TERM HUP INT; echo pid $$; while :; do sleep 1003; done' &) ; ";

async fn detached(bench: &mut Bench, rest: &str) -> (RunId, Vec<u32>) {
    let run = bench.start(&format!("{DETACHES} {rest}"));
    let pids = bench.pids(run, 3).await;
    assert!(pids.iter().all(|pid| alive(*pid)), "{pids:?}");
    (run, pids)
}

fn assert_gone(pids: &[u32]) {
    let left: Vec<u32> = pids.iter().copied().filter(|pid| alive(*pid)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_tree_is_gone_when_a_stop_has_been_answered() {
    let mut bench = Bench::new();
    let (run, pids) = detached(&mut bench, "wait").await;
    bench.processes.stop(run, Duration::from_millis(300));
    let exit = bench.exit(run).await;
    assert_gone(&pids);
    assert_eq!(exit.signal.as_deref(), Some("SIGTERM"), "{exit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_tree_is_gone_when_a_kill_has_been_answered() {
    let mut bench = Bench::new();
    let (run, pids) = detached(&mut bench, "wait").await;
    bench.processes.kill(run);
    let exit = bench.exit(run).await;
    assert_gone(&pids);
    assert_eq!(exit.signal.as_deref(), Some("SIGKILL"), "{exit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_tree_is_gone_when_the_program_ended_by_itself() {
    let mut bench = Bench::new();
    let (run, pids) = detached(&mut bench, "read go; exit 7").await;
    bench.processes.write(run, b"\n".to_vec());
    let exit = bench.exit(run).await;
    assert_gone(&pids);
    assert_eq!(exit.code, Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_tree_is_gone_when_somebody_killed_the_shim() {
    let mut bench = Bench::new();
    let run = bench.start(&format!("{} wait", DETACHES.replace("env -i", "")));
    let pids = bench.pids(run, 3).await;
    let (program, _) = bench.started(run).await;
    process_kit::kill_9(process_kit::parent_of(program));
    bench.exit(run).await;
    assert_gone(&pids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_will_not_stop_is_killed_after_its_grace() {
    let mut bench = Bench::new();
    let run = bench.start("trap 'echo asked' TERM; echo up; while :; do sleep 0.01; done");
    bench.until_line(run, "up").await;
    bench.processes.stop(run, Duration::from_millis(200));
    let exit = bench.exit(run).await;
    assert_eq!(exit.signal.as_deref(), Some("SIGKILL"));
    assert!(exit.last_lines.contains(&"asked".to_owned()), "{exit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_stopped_by_its_own_signal_and_may_finish_its_work() {
    let mut bench = Bench::new();
    let stop = |service: &mut boatyard::stack::Service| service.stop_signal.0 = "SIGQUIT".into();
    let run = bench.start_with(
        "trap 'sleep 0.3; echo work done; exit 5' QUIT; echo up; while :; do sleep 0.01; done",
        stop,
    );
    bench.until_line(run, "up").await;
    bench.processes.stop(run, Duration::from_secs(20));
    let exit = bench.exit(run).await;
    assert_eq!(exit.code, Some(5));
    assert_eq!(exit.last_lines.last().unwrap(), "work done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_said_in_words() {
    let mut bench = Bench::new();
    let script = bench.folder().join("run.sh");
    std::fs::write(&script, "#!/bin/nosuch\n").unwrap();
    let cases: [(&[&str], u32, &str); 5] = [
        (&["pythn3", "app.py"], 0o755, "`pythn3` was not found"),
        (&["./none"], 0o755, "`./none` was not found"),
        (&["./run.sh"], 0o644, "chmod +x"),
        (
            &["./run.sh"],
            0o755,
            "`#!/bin/nosuch`, which does not exist",
        ),
        (&["/"], 0o755, "is a folder, not a program"),
    ];
    for (argv, mode, expected) in cases {
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(mode)).unwrap();
        let run = bench.start_words(argv);
        let said = bench.failure(run).await;
        assert!(said.starts_with("app: "), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    let run = bench.start_with("true", |service| service.directory = "/none/such".into());
    assert!(
        bench
            .failure(run)
            .await
            .contains("/none/such does not exist")
    );
    bench.expect_silence().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_overtakes_the_start_is_kept() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        let run = bench.start("sleep 1000");
        bench.processes.stop(run, Duration::from_secs(5));
        let exit: Exit = bench.exit(run).await;
        assert!(!exit.is_success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_uses_is_sampled_over_its_whole_tree() {
    let mut bench = Bench::new();
    // The one that works is a grandchild in a session of its own.
    let run = bench.start("(setsid sh -c 'while :; do :; done' &); echo up; sleep 1000");
    bench.until_line(run, "up").await;
    let telemetry = bench.telemetry();
    until("two samples with work", || {
        let (series, app) = (telemetry.series(), "app".into());
        let busy = series
            .of(&app)
            .filter(|sample| sample.cpu > 0.1 && sample.memory > 100_000);
        busy.count() >= 2
    })
    .await;
    bench.processes.kill(run);
    bench.exit(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_writes_to_disks_is_sampled_over_its_whole_tree() {
    let mut bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("written").display().to_string();
    let writes = format!("dd if=/dev/zero of={file} bs=64k count=16 conv=fsync 2>/dev/null");
    let run = bench.start(&format!("while :; do {writes}; done & sleep 1000"));
    bench.started(run).await;
    let telemetry = bench.telemetry();
    until("a sample with bytes written", || {
        let (series, app) = (telemetry.series(), "app".into());
        series.of(&app).any(|sample| {
            assert_eq!(sample.network, None, "nobody counts it for a process");
            sample.disk.is_some_and(|disk| disk.outward > 100_000)
        })
    })
    .await;
    bench.processes.kill(run);
    bench.exit(run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_runs_at_once_get_different_ports_and_all_end() {
    let mut bench = Bench::new();
    let runs: Vec<_> = (0..20)
        .map(|_| bench.start("echo $PORT; sleep 1000"))
        .collect();
    let mut ports = Vec::new();
    for run in &runs {
        ports.push(bench.started(*run).await.1);
    }
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 20);
    for run in &runs {
        bench.processes.stop(*run, Duration::from_secs(5));
    }
    for run in &runs {
        bench.exit(*run).await;
    }
    assert!(!matches!(bench.try_event(), Some(Event::RunExited { .. })));
}
