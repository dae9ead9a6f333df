//! Running a command where a service runs: in its container, or on this machine in its folder.

use std::path::PathBuf;
use std::time::Duration;

use crate::adapters::container::Containers;
use crate::adapters::{Exec, Executed, run_here};
use crate::engine::RunId;
use crate::text;

/// Commands run inside this container.
pub(super) fn in_container(containers: Containers, run: RunId) -> Exec {
    Exec::new(move |argv: Vec<String>, timeout| {
        let containers = containers.clone();
        async move {
            let result = containers.exec(run, &argv, timeout).await?;
            let code = i32::try_from(result.code).unwrap_or(-1);
            Ok(Executed { code, stdout: result.stdout, stderr: result.stderr })
        }
    })
}

/// Commands run on this machine, in this folder, with this environment beside Boatyard's own.
pub(super) fn on_this_machine(folder: PathBuf, environment: Vec<(String, String)>) -> Exec {
    Exec::new(move |argv: Vec<String>, timeout: Duration| {
        let (folder, environment) = (folder.clone(), environment.clone());
        async move {
            let running = run_here(argv, &folder, environment);
            let late = |_| format!("was not done after {}", text::duration(timeout));
            tokio::time::timeout(timeout, running).await.map_err(late)?
        }
    })
}
