//! Running a command where a service runs as a container, and what came of those that the engine ran there.

use crate::adapters::container::Containers;
use crate::adapters::{Exec, Executed, HealthChecks};
use crate::engine::RunId;

/// Commands run inside this container.
pub(super) fn in_container(containers: Containers, run: RunId) -> Exec {
    Exec::new(move |argv: Vec<String>, timeout| {
        let containers = containers.clone();
        async move {
            let result = containers.exec(run, &argv, timeout).await?;
            let code = i32::try_from(result.code).unwrap_or(-1);
            Ok(Executed {
                code,
                stdout: result.stdout,
                stderr: result.stderr,
            })
        }
    })
}

/// The checks that the engine makes of this container.
pub(super) fn checks_of(containers: Containers, run: RunId) -> HealthChecks {
    let watched = containers.clone();
    let look = move || {
        let containers = containers.clone();
        async move { containers.checks(run).await }
    };
    HealthChecks::new(look, move || watched.health_changed(run))
}
