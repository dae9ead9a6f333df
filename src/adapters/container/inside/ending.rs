//! Ending what was started inside a container. The engine has no way to do that, and does not notice that nobody looks any
//! more; so it is found by a mark in its environment, from inside, or by its process id, from here.

use std::fs;
use std::time::Duration;

use bollard::models::ExecConfig;

use super::super::exec;
use super::super::find::ContainerEngine;
use super::super::model::Container;
use crate::adapters::state::proc;

/// How long one look for it may take.
const WITHIN: Duration = Duration::from_secs(3);

/// How long it may take to go by itself.
const GRACE: Duration = Duration::from_millis(500);

/// How long the kernel and the engine may take to be done with what was killed: a busy machine takes its time.
const KILLED_WITHIN: Duration = Duration::from_secs(3);

/// Sends every process whose environment has `$1` the signal `$2`. Only what the shell itself can do is used.
const SEND: &str = r#"for e in /proc/[0-9]*/environ; do
while read -r l || [ -n "$l" ]; do
case "$l" in *"$1"*) p=${e#/proc/}; kill -s "$2" "${p%/environ}";; esac
done < "$e"
done 2>/dev/null; true"#;

/// Ends it, and all that it started there.
///
/// # Errors
/// That it goes on, in words.
pub(super) async fn end(
    engine: &ContainerEngine,
    container: &Container,
    exec: &str,
    shell: Option<&[String]>,
    mark: &str,
) -> Result<(), String> {
    if let Some(shell) = shell {
        send(engine, container, shell, mark, "HUP").await;
        gone(engine, exec, GRACE).await;
        // What it started may have stayed, though it has gone itself.
        send(engine, container, shell, mark, "KILL").await;
        if gone(engine, exec, KILLED_WITHIN).await {
            return Ok(());
        }
    }
    kill_from_here(engine, container, exec).await;
    if gone(engine, exec, KILLED_WITHIN).await {
        return Ok(());
    }
    Err("it cannot be ended from outside, and goes on until its container ends".into())
}

async fn send(
    engine: &ContainerEngine,
    container: &Container,
    shell: &[String],
    mark: &str,
    signal: &str,
) {
    let words = ["-c", SEND, "boatyard", mark, signal].map(str::to_owned);
    let config = ExecConfig {
        cmd: Some([shell, &words].concat()),
        user: container.command_user().map(str::to_owned),
        ..ExecConfig::default()
    };
    // Whether it helped is seen by what is left.
    drop(exec::exec_with(engine, &container.id, config, "kill", WITHIN).await);
}

/// Whether it ends within that time.
async fn gone(engine: &ContainerEngine, exec: &str, within: Duration) -> bool {
    tokio::time::timeout(within, exec::exit_code(engine, exec))
        .await
        .is_ok()
}

/// Kills it by its process id, if that is one of this machine and of this container.
async fn kill_from_here(engine: &ContainerEngine, container: &Container, exec: &str) {
    let found = engine.client.inspect_exec(exec).await;
    let pid = found.ok().and_then(|found| found.pid);
    let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()) else {
        return;
    };
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    if pid > 1 && engine.endpoint().is_local() && groups.contains(&container.id) {
        for pid in std::iter::once(pid).chain(proc::descendants(pid)) {
            proc::kill(pid);
        }
    }
}
