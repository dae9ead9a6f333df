//! Running a command where a service runs: in its container, or on this machine in its folder.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Command;

use crate::adapters::container::Containers;
use crate::adapters::{Exec, Executed};
use crate::engine::RunId;
use crate::text;

/// Commands run inside this container.
pub(super) fn in_container(containers: Containers, run: RunId) -> Exec {
    Exec::new(move |argv: Vec<String>, timeout| {
        let containers = containers.clone();
        async move {
            let result = containers.exec(run, &argv, timeout).await?;
            Ok(Executed { code: result.code, stdout: result.stdout, stderr: result.stderr })
        }
    })
}

/// Commands run on this machine, in this folder, with this environment beside Boatyard's own.
pub(super) fn on_this_machine(folder: PathBuf, environment: Vec<(String, String)>) -> Exec {
    Exec::new(move |argv: Vec<String>, timeout| run(argv, folder.clone(), environment.clone(), timeout))
}

async fn run(
    argv: Vec<String>,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    timeout: Duration,
) -> Result<Executed, String> {
    let (program, arguments) = argv.split_first().ok_or("there is no command to run")?;
    let child = Command::new(program)
        .args(arguments)
        .current_dir(&folder)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot run `{program}` in {}: {error}", folder.display()))?;
    let _group = Group::of(&child);
    let output = tokio::time::timeout(timeout, child.wait_with_output())
        .await
        .map_err(|_| format!("`{program}` was not done after {}", text::duration(timeout)))?
        .map_err(|error| format!("cannot wait for `{program}`: {error}"))?;
    let signalled = || std::os::unix::process::ExitStatusExt::signal(&output.status).map_or(-1, |signal| 128 + signal);
    Ok(Executed { code: output.status.code().unwrap_or_else(signalled), stdout: output.stdout, stderr: output.stderr })
}

/// The process group of a command; whatever of it is still there when this is dropped is killed.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody left in the group is the usual case, and no error.
            drop(kill_process_group(group, Signal::KILL));
        }
    }
}
