//! Commands and signals inside a container that runs.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::find::ContainerEngine;
use super::words::reason;

/// How much of each output of a command is kept.
const KEPT_OUTPUT: usize = 1 << 20;

/// What a command inside a container came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecResult {
    /// Its exit code.
    pub code: i64,
    /// What it printed, at most 1 MiB.
    pub stdout: Vec<u8>,
    /// What it complained, at most 1 MiB.
    pub stderr: Vec<u8>,
}

impl ExecResult {
    /// The last words of the command, for people.
    pub fn complaint(&self) -> String {
        let said = if self.stderr.is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let said = String::from_utf8_lossy(said);
        let said = said.trim();
        if said.is_empty() {
            format!("exit code {}", self.code)
        } else {
            format!("exit code {}: {said}", self.code)
        }
    }
}

/// Runs a command in a container, as this user or as the container's own.
///
/// # Errors
/// In words: the engine's reason, or that the time was over (the command then goes on in the container: the engine's API
/// has no way to end it).
pub(super) async fn exec(
    engine: &ContainerEngine,
    id: &str,
    argv: &[String],
    user: Option<&str>,
    timeout: Duration,
) -> Result<ExecResult, String> {
    let config = ExecConfig {
        cmd: Some(argv.to_vec()),
        user: user.map(str::to_owned),
        ..ExecConfig::default()
    };
    exec_with(engine, id, config, &shell_words::join(argv), timeout).await
}

/// The same with all that can be said of a command, which people know as `shown`.
pub(super) async fn exec_with(
    engine: &ContainerEngine,
    id: &str,
    config: ExecConfig,
    shown: &str,
    timeout: Duration,
) -> Result<ExecResult, String> {
    let running = async {
        run(engine, id, config)
            .await
            .map_err(|error| reason(&error))
    };
    tokio::time::timeout(timeout, running)
        .await
        .unwrap_or_else(|_| Err(format!("`{shown}` did not end within {timeout:?}")))
}

async fn run(
    engine: &ContainerEngine,
    id: &str,
    mut config: ExecConfig,
) -> Result<ExecResult, Error> {
    config.attach_stdout = Some(true);
    config.attach_stderr = Some(true);
    let exec = engine.client.create_exec(id, config).await?.id;
    let started = engine
        .client
        .start_exec(&exec, None::<StartExecOptions>)
        .await?;
    let mut result = ExecResult::default();
    if let StartExecResults::Attached { mut output, .. } = started {
        while let Some(piece) = output.next().await {
            result.keep(piece?);
        }
    }
    result.code = exit_code(engine, &exec).await?;
    Ok(result)
}

/// The engine may close the output a moment before it knows the exit code.
pub(super) async fn exit_code(engine: &ContainerEngine, exec: &str) -> Result<i64, Error> {
    let mut delay = Duration::from_millis(2);
    loop {
        let found = engine.client.inspect_exec(exec).await?;
        match (found.running, found.exit_code) {
            (Some(true), _) | (_, None) => tokio::time::sleep(delay).await,
            (_, Some(code)) => return Ok(code),
        }
        delay = (delay * 2).min(Duration::from_millis(200));
    }
}

impl ExecResult {
    fn keep(&mut self, piece: LogOutput) {
        let (kept, bytes) = match piece {
            LogOutput::StdErr { message } => (&mut self.stderr, message),
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => (&mut self.stdout, message),
        };
        let room = KEPT_OUTPUT.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}
