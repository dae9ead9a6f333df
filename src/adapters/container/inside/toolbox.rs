//! A shell beside a program whose image has none: this machine's own, in a small container that shares the program's processes
//! and network.
//!
//! The container is of the empty image that holders are made of. What it runs (`/usr` and what belongs to it) is mounted
//! read-only from this machine, so nothing has to be fetched. The program's files are seen through `/proc`, as far as the
//! kernel allows: both run as the same user.

use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{InspectContainerOptions, ResizeContainerTTYOptionsBuilder};

use super::super::find::ContainerEngine;
use super::super::frames::Demux;
use super::super::holder::{self, ensure_image};
use super::super::life::remove_container;
use super::super::model::{Container, Shared};
use super::super::words::reason;
use super::pump::{self, Ending, Outcome};
use crate::adapters::inside::told;
use crate::adapters::state::proc;
use crate::engine::Exit;
use crate::telemetry::terminals::{Inside, Size};

/// Where this machine has its programs, and what they need to run.
const MOUNTED: [&str; 8] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
];

/// Who may do everything.
const ROOT: &str = "0:0";

/// Looks for the program's files, says where they are, and becomes the shell (`$2`). `$1`: its working folder.
const BEGIN: &str = r#"for r in /proc/1/root /proc/[0-9]*/root; do
case "$r" in /proc/$$/root) continue;; esac
if cd "$r$1" 2>/dev/null || cd "$r/" 2>/dev/null; then export ROOT="$r"; break; fi
done
if [ -n "$ROOT" ]; then echo "Its files are below $ROOT (also \$ROOT)."
else echo "Its files cannot be seen: the kernel keeps this user from them."; fi
exec "$2""#;

/// Makes the container, attaches to it, and removes it when its shell has ended.
pub(super) async fn stay(
    shared: &Shared,
    engine: &ContainerEngine,
    container: &Container,
    inside: &mut Inside,
) -> Result<String, String> {
    let shell = shell_of_this_machine().filter(|_| engine.endpoint().is_local());
    let shell = shell.ok_or(
        "the image has no shell, and none of this machine's can be lent to it; `!` runs a program that the image has",
    )?;
    // The end of the session waits until what was made here is removed.
    let _under_way = shared.comparing.read().await;
    ensure_image(engine)
        .await
        .map_err(|error| no_toolbox(&reason(&error)))?;
    let body = body(shared, engine, container, shell).await;
    let made = holder::create(shared, engine, "toolbox", body).await;
    let id = made.map_err(|error| no_toolbox(&reason(&error)))?;
    let how = attached(engine, &id, shell, inside).await;
    remove_container(engine, &id).await;
    how
}

fn no_toolbox(why: &str) -> String {
    format!(
        "the image has no shell, and a container beside it with this machine's cannot be made: {why}"
    )
}

fn shell_of_this_machine() -> Option<&'static str> {
    let shells = ["/bin/bash", "/bin/sh", "/usr/bin/bash", "/usr/bin/sh"];
    shells.into_iter().find(|shell| Path::new(shell).is_file())
}

async fn body(
    shared: &Shared,
    engine: &ContainerEngine,
    container: &Container,
    shell: &str,
) -> ContainerCreateBody {
    let inspected = engine
        .client
        .inspect_container(&container.id, None::<InspectContainerOptions>);
    let folder = inspected
        .await
        .ok()
        .and_then(|found| found.config?.working_dir);
    let folder = folder.unwrap_or_default();
    let user = container.command_user().unwrap_or(&container.user);
    let user = by_number(user, container.pid);
    let mounts = MOUNTED.iter().filter(|path| Path::new(path).is_dir());
    let mounts = mounts.map(|path| Mount {
        typ: Some(MountType::BIND),
        source: Some((*path).into()),
        target: Some((*path).into()),
        read_only: Some(true),
        ..Mount::default()
    });
    let service = &container.service.name;
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    ContainerCreateBody {
        entrypoint: Some(vec![shell.into()]),
        cmd: Some(
            ["-c", BEGIN, "boatyard", &folder, shell]
                .map(str::to_owned)
                .to_vec(),
        ),
        user: Some(user),
        env: Some(vec![
            path.into(),
            "TERM=xterm-256color".into(),
            format!("PS1={service} (toolbox) $ "),
        ]),
        tty: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            mounts: Some(mounts.collect()),
            pid_mode: Some(format!("container:{}", container.id)),
            network_mode: Some(format!("container:{}", container.home)),
            ..HostConfig::default()
        }),
        ..holder::body(&shared.identity, Some(service))
    }
}

/// The user by number: a name is nothing to a container that has no list of users. Whom a name means is seen by who runs the
/// program.
fn by_number(user: &str, program: Option<u32>) -> String {
    if user.starts_with(|first: char| first.is_ascii_digit()) {
        return user.to_owned();
    }
    let all = program
        .into_iter()
        .flat_map(|pid| std::iter::once(pid).chain(proc::descendants(pid)));
    let owners = all.filter_map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        owner(&status)
    });
    let mut named = owners.filter(|owner| !user.is_empty() && owner != ROOT);
    named.next().unwrap_or_else(|| ROOT.to_owned())
}

/// User and group in what the kernel says of a process (`proc_pid_status(5)`): those that count.
fn owner(status: &str) -> Option<String> {
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let number: u32 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(number)
    };
    Some(format!("{}:{}", number("Uid:")?, number("Gid:")?))
}

async fn attached(
    engine: &ContainerEngine,
    id: &str,
    shell: &str,
    inside: &mut Inside,
) -> Result<String, String> {
    let path = format!("/containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1");
    let attached = engine.endpoint().attach(&engine.path(&path)).await;
    let attached = attached.map_err(|error| no_toolbox(&error.to_string()))?;
    let words = format!(
        "Its image has no shell. This is {shell} of this machine, in a container beside it that has the same processes and \
         network.\r\n"
    );
    inside.terminal.feed(words.as_bytes());
    let started = engine.client.start_container(id, None).await;
    started.map_err(|error| no_toolbox(&reason(&error)))?;
    inside
        .terminal
        .opened(&format!("{shell} of this machine, beside it"));
    let resize = |size: Size| {
        let (engine, id) = (engine.clone(), id.to_owned());
        async move {
            let options = ResizeContainerTTYOptionsBuilder::default()
                .w(i32::from(size.columns.max(1)))
                .h(i32::from(size.rows.max(1)))
                .build();
            // It may have ended just now.
            drop(engine.client.resize_container_tty(&id, options).await);
        }
    };
    let end = async {
        // It may have ended just now.
        drop(engine.client.kill_container(id, None).await);
        Ok(())
    };
    let ending = Ending {
        end,
        last: super::LAST_OUTPUT,
    };
    Ok(
        match pump::run(attached, Demux::new(true), inside, resize, ending).await {
            Outcome::Asked(_) => "ended, as you asked".into(),
            Outcome::Over => exit_words(engine, id).await,
        },
    )
}

async fn exit_words(engine: &ContainerEngine, id: &str) -> String {
    let inspected = engine
        .client
        .inspect_container(id, None::<InspectContainerOptions>)
        .await;
    let code = inspected.ok().and_then(|found| found.state?.exit_code);
    match code.and_then(|code| i32::try_from(code).ok()) {
        Some(code) => told(&Exit::code(code)),
        None => "ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_their_numbers() {
        let status = "Name:\tserver\nUid:\t0\t1000\t1000\t1000\nGid:\t0\t50\t50\t50\n";
        assert_eq!(owner(status).as_deref(), Some("1000:50"));
        assert_eq!(owner("Name:\tx\n"), None);
        assert_eq!(by_number("1000:1000", None), "1000:1000");
        assert_eq!(by_number("nonroot", None), "0:0");
        assert_eq!(by_number("", Some(std::process::id())), "0:0");
    }
}
