//! Inside a container run: a shell or a command beside its program, or the program's own terminal.

mod ending;
mod pump;
mod toolbox;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::models::ExecConfig;
use bollard::query_parameters::{
    InspectContainerOptions, ResizeContainerTTYOptionsBuilder, ResizeExecOptionsBuilder,
};
use hyper::{Method, StatusCode};

use self::pump::{Ending, Outcome};
use super::exec;
use super::find::ContainerEngine;
use super::frames::Demux;
use super::model::{Container, Shared};
use super::words::{is_gone, reason};
use crate::adapters::inside::{seed, told};
use crate::engine::{Exit, Inside, RunId};
use crate::telemetry::terminals::{self, Size};
use crate::text;

/// Shells that images have, the best first, and the words that start each.
const SHELLS: [(&str, &[&str]); 6] = [
    ("/bin/bash", &["/bin/bash"]),
    ("/bin/sh", &["/bin/sh"]),
    ("/bin/ash", &["/bin/ash"]),
    ("/busybox/sh", &["/busybox/sh"]),
    ("/bin/busybox", &["/bin/busybox", "sh"]),
    ("/usr/bin/busybox", &["/usr/bin/busybox", "sh"]),
];

/// In the environment of what was started inside, so that it can be found again.
const MARK: &str = "BOATYARD_INSIDE";

/// Exit codes from here on tell of a signal.
const KILLED: i64 = 128;

/// How long the engine may take to know the exit code of what has ended.
const CODE_WITHIN: Duration = Duration::from_secs(3);

/// How long the last output of what was ended may come.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Opens a terminal inside a run and stays with it to its end, which the terminal then tells.
pub(super) async fn stay(shared: &Shared, run: RunId, what: Inside, mut inside: terminals::Inside) {
    let terminal = Arc::clone(&inside.terminal);
    let how = match go(shared, run, what, &mut inside).await {
        Ok(how) | Err(how) => how,
    };
    terminal.ended(&how);
}

/// `Err`: why it could not be opened.
async fn go(
    shared: &Shared,
    run: RunId,
    what: Inside,
    inside: &mut terminals::Inside,
) -> Result<String, String> {
    let container = shared.container(run);
    let container = container.ok_or_else(|| format!("run {run} does not run any more"))?;
    let engine = shared.link.engine();
    let engine = engine.ok_or("the container engine does not answer; is its daemon running?")?;
    match what {
        Inside::Own => own(shared, &engine, run, &container, inside).await,
        Inside::Shell => match find_shell(&engine, &container.id).await {
            Some(shell) => started(&engine, &container, shell.clone(), Some(shell), inside).await,
            None => toolbox::stay(shared, &engine, &container, inside).await,
        },
        Inside::Command { line } => {
            let shell = find_shell(&engine, &container.id).await;
            let words = match &shell {
                Some(shell) => [shell.as_slice(), &["-c".to_owned(), line]].concat(),
                None => split(&line)?,
            };
            started(&engine, &container, words, shell, inside).await
        }
    }
}

/// The words of a line where no shell reads it.
fn split(line: &str) -> Result<Vec<String>, String> {
    let words = shell_words::split(line).map_err(|error| {
        format!("the image has no shell, and the line cannot be taken apart without one: {error}")
    })?;
    if words.is_empty() {
        return Err("the line has no words".into());
    }
    Ok(words)
}

/// The words that start a shell which the image has; `None`: it has none.
async fn find_shell(engine: &ContainerEngine, id: &str) -> Option<Vec<String>> {
    for (path, words) in SHELLS {
        if has(engine, id, path).await {
            return Some(words.iter().map(|word| (*word).to_owned()).collect());
        }
    }
    None
}

/// Whether there is something at this path in a container. Where the engine cannot say, it is tried.
async fn has(engine: &ContainerEngine, id: &str, path: &str) -> bool {
    let path = engine.path(&format!("/containers/{id}/archive?path={path}"));
    let answer = engine.endpoint().request(Method::HEAD, &path, &[]).await;
    answer.is_ok_and(|answer| answer.status() != StatusCode::NOT_FOUND)
}

/// Starts a program in the container, on a terminal, and stays until it has ended.
async fn started(
    engine: &ContainerEngine,
    container: &Container,
    words: Vec<String>,
    shell: Option<Vec<String>>,
    inside: &mut terminals::Inside,
) -> Result<String, String> {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{MARK}={}-{number}.", std::process::id());
    let shown = text::plain(shell_words::join(&words).as_bytes());
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(true),
        env: Some(vec!["TERM=xterm-256color".into(), mark.clone()]),
        user: container.command_user().map(str::to_owned),
        cmd: Some(words.clone()),
        ..ExecConfig::default()
    };
    let created = engine.client.create_exec(&container.id, config).await;
    let exec = created.map_err(|error| reason(&error))?.id;
    let path = engine.path(&format!("/exec/{exec}/start"));
    let attached = engine.endpoint().start_exec(&path).await;
    let attached = attached.map_err(|error| format!("`{shown}` cannot be started: {error}"))?;
    inside.terminal.opened(match &inside.terminal.line {
        Some(_) => "in its container",
        None => &shown,
    });
    let resize = |size: Size| {
        let (engine, exec) = (engine.clone(), exec.clone());
        async move { resize_exec(&engine, &exec, size).await }
    };
    let ending = Ending {
        end: ending::end(engine, container, &exec, shell.as_deref(), &mark),
        last: LAST_OUTPUT,
    };
    let outcome = pump::run(attached, Demux::new(true), inside, resize, ending).await;
    match outcome {
        Outcome::Asked(Ok(())) => Ok("ended, as you asked".into()),
        Outcome::Asked(Err(why)) => Ok(why),
        Outcome::Over => Ok(exit_words(engine, container, &exec, inside.terminal.run).await),
    }
}

/// How a program that was started inside has ended. One that was killed may have been so with its run, which is heard of a
/// moment later.
async fn exit_words(
    engine: &ContainerEngine,
    container: &Container,
    exec: &str,
    run: u64,
) -> String {
    let code = tokio::time::timeout(CODE_WITHIN, exec::exit_code(engine, exec)).await;
    let was_killed = !matches!(code, Ok(Ok(code)) if code < KILLED);
    if was_killed && !is_running(engine, &container.id).await {
        return terminals::ended_with(run);
    }
    match code {
        Ok(Ok(code)) => told(&Exit::code(i32::try_from(code).unwrap_or(-1))),
        Ok(Err(error)) => format!("ended; how, the engine does not say: {}", reason(&error)),
        Err(_) => "it let go of its terminal, and goes on until its container ends".into(),
    }
}

async fn is_running(engine: &ContainerEngine, id: &str) -> bool {
    let options = None::<InspectContainerOptions>;
    let found = engine.client.inspect_container(id, options).await;
    match found {
        Ok(found) => found.state.and_then(|state| state.running).unwrap_or(false),
        Err(error) => !is_gone(&error),
    }
}

/// The engine takes a size only from the moment on when the program runs.
async fn resize_exec(engine: &ContainerEngine, exec: &str, size: Size) {
    let options = ResizeExecOptionsBuilder::default()
        .w(i32::from(size.columns.max(1)))
        .h(i32::from(size.rows.max(1)))
        .build();
    let mut delay = Duration::from_millis(5);
    while engine
        .client
        .resize_exec(exec, options.clone())
        .await
        .is_err()
    {
        if delay > Duration::from_millis(500) {
            return;
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
    }
}

/// The terminal, or the standard input, of the service's own program.
async fn own(
    shared: &Shared,
    engine: &ContainerEngine,
    run: RunId,
    container: &Container,
    inside: &mut terminals::Inside,
) -> Result<String, String> {
    let service = &container.service;
    let (tty, stdin) = (service.tty, service.container.stdin_open);
    if !tty && !stdin {
        return Err(format!(
            "{} has no terminal: `tty` and `stdin_open`, both true in the stack file, would give it one; E opens a shell",
            service.name
        ));
    }
    seed(&shared.wires, &service.name, run, &inside.terminal);
    if !tty {
        // Lines end as a program writes them that has no terminal.
        inside.terminal.feed(b"\x1b[20h");
    }
    let typed = if stdin { "&stdin=1" } else { "" };
    let id = &container.id;
    let path = format!("/containers/{id}/attach?stream=1&stdout=1&stderr=1{typed}");
    let attached = engine.endpoint().attach(&engine.path(&path)).await;
    let attached = attached.map_err(|error| format!("cannot be attached to: {error}"))?;
    inside.terminal.opened(match (tty, stdin) {
        (true, true) => "its own terminal",
        (true, false) => "its own terminal; `stdin_open = true` would let you type",
        (false, _) => "its standard input and outputs: it has no terminal",
    });
    let resize = |size: Size| {
        let (engine, id) = (engine.clone(), id.clone());
        async move {
            if tty {
                let options = ResizeContainerTTYOptionsBuilder::default()
                    .w(i32::from(size.columns.max(1)))
                    .h(i32::from(size.rows.max(1)))
                    .build();
                // It may have ended just now.
                drop(engine.client.resize_container_tty(&id, options).await);
            }
        }
    };
    // Its program goes on, so there is no last output to wait for.
    let detach = Ending {
        end: async { Ok(()) },
        last: Duration::ZERO,
    };
    match pump::run(attached, Demux::new(tty), inside, resize, detach).await {
        Outcome::Asked(_) => Ok("detached; its program goes on".into()),
        Outcome::Over => Ok("its program ended".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_shell_a_line_is_its_words() {
        assert_eq!(
            split("ls -l 'a b'"),
            Ok(vec!["ls".into(), "-l".into(), "a b".into()])
        );
        assert!(split("it's").is_err_and(|why| why.contains("no shell")));
        assert!(split("  ").is_err());
    }
}
