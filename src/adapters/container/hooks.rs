//! Commands that are run inside a container after its start and before its end.

use std::time::Duration;

use bollard::models::ExecConfig;
use jiff::Timestamp;

use super::exec::{ExecResult, exec_with};
use super::find::ContainerEngine;
use crate::adapters::Wires;
use crate::stack::{Hook, Service};
use crate::telemetry::{NewLine, Stream};

/// Longest time that one command before the end may take: the end must come.
pub(super) const BEFORE_END: Duration = Duration::from_secs(60);

/// Longest time that one command after the start may take.
pub(super) const AFTER_START: Duration = Duration::from_secs(3600);

/// A hook as the engine takes it; `user` runs it if it names nobody.
pub(super) fn config(hook: &Hook, user: Option<&str>) -> ExecConfig {
    let environment = hook.environment.iter();
    ExecConfig {
        cmd: Some(hook.command.argv()),
        user: hook.user.clone().or_else(|| user.map(str::to_owned)),
        privileged: hook.privileged.then_some(true),
        working_dir: hook.working_dir.clone(),
        env: Some(
            environment
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        ..ExecConfig::default()
    }
}

/// In which container hooks are run, and whose log gets what they print.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub(super) engine: ContainerEngine,
    pub(super) wires: Wires,
    pub(super) id: String,
    pub(super) run: u64,
    /// As whom a hook is run that names nobody; `None`: as the engine does it.
    pub(super) user: Option<String>,
}

impl Hooks {
    /// Runs these one after another; the first that fails ends it.
    ///
    /// # Errors
    /// In words: which failed, and why.
    pub(super) async fn run(
        &self,
        service: &Service,
        hooks: &[Hook],
        limit: Duration,
    ) -> Result<(), String> {
        for hook in hooks {
            let config = config(hook, self.user.as_deref());
            let shown = hook.command.shown();
            let done = exec_with(&self.engine, &self.id, config, &shown, limit).await;
            let result = done.map_err(|why| format!("`{shown}`: {why}"))?;
            self.log(service, &result);
            if result.code != 0 {
                return Err(format!("`{shown}`: {}", result.complaint()));
            }
        }
        Ok(())
    }

    fn log(&self, service: &Service, result: &ExecResult) {
        for (stream, bytes) in [
            (Stream::Stdout, &result.stdout),
            (Stream::Stderr, &result.stderr),
        ] {
            let lines = bytes.split(|byte| *byte == b'\n');
            for line in lines.filter(|line| !line.is_empty()) {
                self.wires.telemetry.logs().push(NewLine {
                    service: service.name.clone(),
                    run: self.run,
                    at: Timestamp::now(),
                    stream,
                    bytes: line.to_vec(),
                });
            }
        }
        self.wires.telemetry.touch();
    }

    /// Says in the service's log that a hook failed, where nothing else follows from it.
    pub(super) fn complain(&self, service: &Service, why: &str) {
        let said = ExecResult {
            stderr: format!("pre_stop {why}").into_bytes(),
            ..ExecResult::default()
        };
        self.log(service, &said);
    }
}
