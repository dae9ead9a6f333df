//! How runs end: by themselves, when asked, when killed, and before they began.

use std::time::Duration;

use boatyard::engine::{Event, RunId};
use boatyard::stack::Signal;
use boatyard::telemetry::Stream;

use crate::engine::{Rig, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_and_signals_are_told_and_nothing_is_left() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let cases = [
        (1, "exit 0", Some(0), None),
        (2, "echo why; exit 1", Some(1), None),
        (3, "kill -9 $$", None, Some("SIGKILL")),
        (4, "kill -SEGV $$", None, Some("SIGSEGV")),
        (5, "exit 200", Some(200), None),
    ];
    for (run, line, ..) in cases {
        rig.start(run, &shell(&format!("s{run}"), line));
    }
    for (run, line, code, signal) in cases {
        let exit = rig.exited(run).await;
        assert_eq!(
            (exit.code, exit.signal.as_deref()),
            (code, signal),
            "{line}"
        );
        assert!(!exit.out_of_memory);
        if run == 2 {
            assert_eq!(exit.last_lines, ["why"]);
        }
        assert!(!rig.containers.has(RunId(run)));
    }
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_last_twenty_lines_are_told() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.start(1, &shell("s", "seq 1 5000; exit 3"));
    let exit = rig.exited(1).await;
    let expected: Vec<String> = (4981..=5000).map(|number| number.to_string()).collect();
    assert_eq!(exit.last_lines, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stop_waits_for_the_drain_sends_the_signal_and_honours_the_grace() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let mut polite = shell(
        "polite",
        "trap 'echo asked; exit 7' USR1; echo up; while :; do sleep 0.05; done",
    );
    polite.stop_signal = Signal("SIGUSR1".into());
    let deaf = shell(
        "deaf",
        "trap '' TERM; echo up; while :; do sleep 0.05; done",
    );
    rig.started(1, &polite).await;
    rig.started(2, &deaf).await;
    rig.until_log(|rig| rig.text(Stream::Stdout).len() == 2)
        .await;

    let (open, drained) = tokio::sync::oneshot::channel::<()>();
    rig.containers
        .stop(RunId(1), Duration::from_secs(20), false, async {
            drop(drained.await);
        });
    rig.containers
        .stop(RunId(2), Duration::from_millis(300), false, async {});
    let exit = rig.exited(2).await;
    assert_eq!(
        exit.signal.as_deref(),
        Some("SIGKILL"),
        "the deaf one is killed after its grace"
    );
    assert!(
        !rig.text(Stream::Stdout).contains(&"asked".to_owned()),
        "the other one is still drained"
    );
    open.send(()).unwrap();
    assert_eq!(rig.exited(1).await.code, Some(7));
    assert_eq!(rig.text(Stream::Stdout).last().unwrap(), "asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_overtakes_a_stop() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.started(
        1,
        &shell("deaf", "trap '' TERM; while :; do sleep 0.05; done"),
    )
    .await;
    rig.containers.stop(
        RunId(1),
        Duration::from_secs(600),
        false,
        std::future::pending(),
    );
    rig.containers.kill(RunId(1));
    assert_eq!(rig.exited(1).await.signal.as_deref(), Some("SIGKILL"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_of_its_start_a_run_ends_once_and_leaves_nothing() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    rig.containers.ensure_network().await.unwrap();
    for run in 0..24 {
        rig.start(run, &shell("s", "sleep 600"));
        tokio::time::sleep(Duration::from_millis(run * 4)).await;
        if run % 2 == 0 {
            rig.containers.kill(RunId(run));
        } else {
            rig.containers
                .stop(RunId(run), Duration::ZERO, false, async {});
        }
    }
    for run in 0..24 {
        rig.exited(run).await;
    }
    let again = rig.others();
    assert!(
        !again
            .iter()
            .any(|event| matches!(event, Event::RunExited { .. } | Event::RunFailed { .. })),
        "{again:?}"
    );
    assert_eq!(rig.container_names().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_removed_by_somebody_else_has_ended() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let (id, _) = rig.started(1, &shell("s", "sleep 600")).await;
    let options = bollard::query_parameters::RemoveContainerOptionsBuilder::default()
        .force(true)
        .build();
    rig.engine
        .client
        .remove_container(&id, Some(options))
        .await
        .unwrap();
    let exit = rig.exited(1).await;
    assert!(!exit.is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_stopped_through_the_engine_by_somebody_else_is_told_of() {
    let Some(mut rig) = Rig::new().await else {
        return;
    };
    let problem = |event: &Event| match event {
        Event::Problem { what, .. } => Some(what.clone()),
        _ => None,
    };
    // Its own end is nobody's doing, and what is asked for here is not told either.
    rig.start(1, &shell("alone", "exit 3"));
    rig.exited(1).await;
    rig.started(2, &shell("asked", "while :; do sleep 0.05; done"))
        .await;
    rig.containers.kill(RunId(2));
    rig.exited(2).await;
    // A signal that ends nothing through the engine, and then an end of its own.
    let again = "trap 'exit 4' HUP; echo ready; while :; do sleep 0.05; done";
    rig.started(4, &shell("again", again)).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["ready"])
        .await;
    let names = rig.container_names().await;
    let signal = bollard::query_parameters::KillContainerOptionsBuilder::default();
    let signal = signal.signal("HUP").build();
    let name = names[0].trim_start_matches('/');
    let sent = rig.engine.client.kill_container(name, Some(signal));
    sent.await.unwrap();
    assert_eq!(rig.exited(4).await.code, Some(4));
    let polite = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    rig.started(3, &shell("web", polite)).await;
    rig.until_log(|rig| rig.text(Stream::Stdout) == ["ready", "up"])
        .await;
    let names = rig.container_names().await;
    let name = names[0].trim_start_matches('/');
    let options = None::<bollard::query_parameters::StopContainerOptions>;
    let stopped = rig.engine.client.stop_container(name, options);
    stopped.await.unwrap();
    assert_eq!(rig.exited(3).await.code, Some(0));
    let told = rig.event(problem).await;
    assert!(
        told.starts_with("web: run #3 was stopped") && told.contains("SIGTERM"),
        "{told}"
    );
}
