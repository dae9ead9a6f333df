//! How a container's program ends: being asked to, being killed, and what is known of it afterwards.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::KillContainerOptionsBuilder;
use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;

use super::find::ContainerEngine;
use super::link::Link;
use super::model::{Drained, Shared};
use super::sink::Sink;
use super::words::{is_disconnected, is_gone, reason, status};
use crate::adapters::endpoint::refusal;
use crate::engine::Exit;
use crate::text;

/// Shortest and longest wait before the engine is asked again after a break.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How often a kill that had no effect is repeated.
const KILL_AGAIN: Duration = Duration::from_secs(2);

/// What is known of a program's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code.
    pub(super) code: Option<i64>,
    /// The connection broke while it was waited for, so output may have been missed.
    pub(super) interrupted: bool,
    /// The container does not exist any more.
    pub(super) gone: bool,
}

/// Waits until the program of this container has ended, however often the connection breaks meanwhile.
pub(super) async fn wait(link: &Link, id: &str) -> Ended {
    let mut interrupted = false;
    let mut delay = RETRY.0;
    loop {
        let engine = link.up().await;
        match wait_once(&engine, id).await {
            Ok(code) => {
                return Ended {
                    code,
                    interrupted,
                    gone: code.is_none(),
                };
            }
            Err(error) => {
                tracing::debug!(%error, id, "waiting for a container broke off");
                interrupted = true;
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(RETRY.1);
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct WaitAnswer {
    #[serde(rename = "StatusCode")]
    status_code: i64,
}

/// Asks the engine for the end once; it answers when there is one, at once if the program has already ended. `None`: there
/// is no such container.
async fn wait_once(engine: &ContainerEngine, id: &str) -> io::Result<Option<i64>> {
    let path = engine.path(&format!("/containers/{id}/wait"));
    let response = engine.endpoint().request(Method::POST, &path, &[]).await?;
    let status = response.status();
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(refusal(status, response).await);
    }
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    let answer: WaitAnswer = serde_json::from_slice(&body.to_bytes())?;
    Ok(Some(answer.status_code))
}

/// What comes before a program is asked to end.
pub(super) struct Before {
    /// Its requests are done; that is waited for no longer than the grace time.
    pub(super) drained: Drained,
    /// What is to be run inside has been run.
    pub(super) hooks: Option<Drained>,
}

impl Before {
    pub(super) async fn done(self, grace: Duration) {
        drop(tokio::time::timeout(grace, self.drained).await);
        if let Some(hooks) = self.hooks {
            hooks.await;
        }
    }
}

/// Does what comes before, sends the signal, and kills after the grace time.
pub(super) async fn stop(
    shared: Arc<Shared>,
    id: String,
    before: Before,
    signal: String,
    grace: Duration,
) {
    before.done(grace).await;
    if send(&shared, &id, &signal).await.is_ok() {
        tokio::time::sleep(grace).await;
    }
    kill(shared, id).await;
}

/// Kills the program, and again until it has ended (then this future is dropped).
pub(super) async fn kill(shared: Arc<Shared>, id: String) {
    loop {
        drop(send(&shared, &id, "SIGKILL").await);
        tokio::time::sleep(KILL_AGAIN).await;
    }
}

/// Sends a signal, as soon as the engine answers. A program that has already ended is no error.
pub(super) async fn send(shared: &Shared, id: &str, signal: &str) -> Result<(), String> {
    loop {
        let engine = shared.link.up().await;
        let options = KillContainerOptionsBuilder::default()
            .signal(signal)
            .build();
        match engine.client.kill_container(id, Some(options)).await {
            Ok(()) => return Ok(()),
            Err(error) if is_gone(&error) || status(&error) == Some(409) => return Ok(()),
            Err(error) if is_disconnected(&error) => tokio::time::sleep(RETRY.0).await,
            Err(error) => return Err(reason(&error)),
        }
    }
}

/// How the run ended, for people.
pub(super) fn exit(
    ended: &Ended,
    inspected: Option<&ContainerInspectResponse>,
    sink: Option<&Sink>,
) -> Exit {
    let state = inspected.and_then(|found| found.state.as_ref());
    let code = ended
        .code
        .or_else(|| state.and_then(|state| state.exit_code))
        .and_then(|code| i32::try_from(code).ok());
    let signal = code.and_then(text::signal_of).map(str::to_owned);
    Exit {
        code: if signal.is_some() { None } else { code },
        signal,
        out_of_memory: state.and_then(|state| state.oom_killed).unwrap_or(false),
        last_lines: sink.map(Sink::last_lines).unwrap_or_default(),
    }
}

/// When the program ended by the engine's clock; now if that is not known.
pub(super) fn finished_at(inspected: Option<&ContainerInspectResponse>) -> Timestamp {
    inspected
        .and_then(|found| found.state.as_ref()?.finished_at.as_ref()?.parse().ok())
        .unwrap_or_else(Timestamp::now)
}
