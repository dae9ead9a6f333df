//! Runs with a helper inside: whether there can be one, how its container is made, and what it is told.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, Mount as EngineMount, MountType};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::find::ContainerEngine;
use super::helper::{Contents, FileHead, Handle, Order, Ready, can_send, passes_on};
use super::model::{Request, Shared};
use super::network::Networks;
use super::words::status;
use crate::engine::SyncCopy;
use crate::stack::{CommandWords, ContainerOptions, Protocol, Reaction, Service, Signal, Then};

/// How long a helper may take to report after its container was started.
const REPORTS_WITHIN: Duration = Duration::from_secs(5);

/// Contents of files are sent in pieces of about this size.
const PIECE: usize = 32 << 20;

/// Longest time that a program which is restarted after a sync gets to end by itself.
const RESTART_GRACE: Duration = Duration::from_millis(300);

/// The user as whom every helper runs: it writes files for whatever user its program has.
const ROOT: &str = "0:0";

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ImageFacts {
    entrypoint: Vec<String>,
    command: Vec<String>,
    pub(super) user: String,
    /// `NAME=VALUE` each.
    pub(super) environment: Vec<String>,
    /// The TCP ports at which its program is said to listen.
    pub(super) exposed: Vec<u16>,
    /// Its id.
    pub(super) id: String,
    /// The words of the health check that it defines, as the engine keeps them; empty: none.
    pub(super) health: Vec<String>,
    os: String,
    architecture: String,
    /// When it was last given a name here, which a pull does.
    named: Option<Timestamp>,
}

impl ImageFacts {
    /// Operating system and architecture.
    pub(super) fn platform(&self) -> (&str, &str) {
        (&self.os, &self.architecture)
    }

    /// Whether it was fetched within so many seconds.
    pub(super) fn is_newer_than(&self, seconds: u64) -> bool {
        let age = self
            .named
            .map(|at| Timestamp::now().duration_since(at).as_secs());
        age.is_some_and(|age| u64::try_from(age).is_ok_and(|age| age < seconds))
    }

    #[cfg(test)]
    pub(super) fn for_platform(os: &str, architecture: &str) -> Self {
        Self {
            os: os.into(),
            architecture: architecture.into(),
            ..Self::default()
        }
    }
}

/// A helper that is to be started with a run.
#[derive(Debug)]
pub(super) struct Helped {
    facts: ImageFacts,
    words: Vec<String>,
    mount: EngineMount,
    reports: oneshot::Receiver<Handle>,
}

/// What an image says of itself; `None` if the engine does not have it.
pub(super) async fn image_facts(
    engine: &ContainerEngine,
    image: &str,
) -> Result<Option<ImageFacts>, Error> {
    let found = match engine.client.inspect_image(image).await {
        Ok(found) => found,
        Err(error) if status(&error) == Some(404) => return Ok(None),
        Err(error) => return Err(error),
    };
    let config = found.config.unwrap_or_default();
    Ok(Some(ImageFacts {
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        exposed: config
            .exposed_ports
            .into_iter()
            .flatten()
            .filter_map(|port| port.strip_suffix("/tcp")?.parse().ok())
            .collect(),
        id: found.id.unwrap_or_default(),
        health: config
            .healthcheck
            .and_then(|health| health.test)
            .unwrap_or_default(),
        os: found.os.unwrap_or_default(),
        architecture: found.architecture.unwrap_or_default(),
        named: found.metadata.and_then(|it| it.last_tag_time?.parse().ok()),
    }))
}

impl Helped {
    /// A helper for this run, where it is wished, of use and possible. Where it is not possible, that is said once.
    pub(super) async fn of(
        shared: &Shared,
        networks: &Networks,
        request: &Request,
        facts: &ImageFacts,
    ) -> Option<Self> {
        let service = &request.start.service;
        let image = request.start.image.as_deref().unwrap_or_default();
        let is_known_not_to_work = shared.is_helpless(image);
        if !is_wished(service) || is_known_not_to_work || words(service, facts).is_empty() {
            return None;
        }
        if let Some(why) = obstacle(networks, facts) {
            shared.say_helpless(&service.name, &why);
            return None;
        }
        match shared.helpers.ready().await {
            Ok(ready) => Some(Self::new(&ready, facts.clone())),
            Err(why) => {
                shared.say_helpless(&service.name, &why);
                None
            }
        }
    }

    fn new(ready: &Ready, facts: ImageFacts) -> Self {
        let (words, reports) = ready.expect();
        Self {
            facts,
            words,
            mount: kit_mount(ready),
            reports,
        }
    }

    /// Puts the helper before the program.
    pub(super) fn wrap(&self, body: &mut ContainerCreateBody, service: &Service) {
        let user = service.user.as_deref().unwrap_or(&self.facts.user);
        let given = body.env.get_or_insert_default();
        let mut entrypoint = self.words.clone();
        if !user.is_empty() {
            entrypoint.extend(["--user".into(), user.into()]);
        }
        let all = self.facts.environment.iter().chain(given.iter());
        if all.clone().any(|pair| pair.starts_with("HOME=")) {
            entrypoint.push("--keep-home".into());
        }
        // What changes the loader must reach the program, and not the helper, which brings its own.
        let for_loader: Vec<String> = all.filter(|pair| is_for_loader(pair)).cloned().collect();
        for pair in for_loader {
            let name = pair.split('=').next().unwrap_or_default();
            given.push(format!("{name}="));
            entrypoint.extend(["--env".into(), pair]);
        }
        entrypoint.push("--".into());
        body.entrypoint = Some(entrypoint);
        body.cmd = Some(words(service, &self.facts));
        body.user = Some(ROOT.into());
        if let Some(host) = &mut body.host_config {
            host.init = None;
            host.mounts.get_or_insert_default().push(self.mount.clone());
        }
    }

    /// Waits for the helper's report after its container was started.
    pub(super) async fn meet(self) -> Result<Handle, String> {
        meet(self.reports).await
    }

    /// The user as whom a command inside is to run: the program's own, as without a helper.
    pub(super) fn user(&self, service: &Service) -> String {
        let user = service.user.as_deref().unwrap_or(&self.facts.user);
        if user.is_empty() { ROOT } else { user }.to_owned()
    }
}

/// Waits for a helper's report.
pub(super) async fn meet(reports: oneshot::Receiver<Handle>) -> Result<Handle, String> {
    match tokio::time::timeout(REPORTS_WITHIN, reports).await {
        Ok(Ok(handle)) => Ok(handle),
        Ok(Err(_)) | Err(_) => Err(format!(
            "it did not report within {} s",
            REPORTS_WITHIN.as_secs()
        )),
    }
}

/// The kit, read-only.
pub(super) fn kit_mount(ready: &Ready) -> EngineMount {
    let (folder, target) = ready.mount();
    EngineMount {
        typ: Some(MountType::BIND),
        source: Some(folder.display().to_string()),
        target: Some(target.into()),
        read_only: Some(true),
        ..EngineMount::default()
    }
}

/// Services that sync or are rebuilt have one, unless the stack file says otherwise. A published UDP port belongs to one
/// container, and a program that wants to be process 1 or have a terminal is to have it.
fn is_wished(service: &Service) -> bool {
    let syncs = service
        .watch
        .iter()
        .any(|rule| matches!(rule.reaction, Reaction::Sync { .. }));
    // An image that is not of our making has no init by default, which is no wish.
    let is_plain = (service.init || service.build.is_none()) && !service.tty;
    let has_udp = service
        .ports
        .iter()
        .any(|port| port.protocol == Protocol::Udp);
    service.helper
        && is_plain
        && has_its_powers(&service.container)
        && !has_udp
        && signals_arrive(service)
        && (service.build.is_some() || syncs)
}

/// Whether a helper in such a container is process 1, and can become any user and write any file there.
fn has_its_powers(options: &ContainerOptions) -> bool {
    const NEEDED: [&str; 7] = [
        "ALL",
        "SETUID",
        "SETGID",
        "CHOWN",
        "FOWNER",
        "DAC_OVERRIDE",
        "KILL",
    ];
    let is_needed = |name: &String| {
        let name = name.to_ascii_uppercase();
        NEEDED.contains(&name.strip_prefix("CAP_").unwrap_or(&name))
    };
    options.pid.is_none() && !options.stdin_open && !options.cap_drop.iter().any(is_needed)
}

/// Whether every signal that this service is to get reaches its program through a helper (real-time signals do not).
fn signals_arrive(service: &Service) -> bool {
    let mut sequels = service
        .watch
        .iter()
        .filter_map(|rule| match &rule.reaction {
            Reaction::Sync {
                then: Then::Signal(signal),
                ..
            } => Some(signal),
            Reaction::Sync { .. } | Reaction::Rebuild | Reaction::Restart => None,
        });
    passes_on(&service.stop_signal.0) && sequels.all(|signal| can_send(&signal.0))
}

/// Why there can be none although it is wished.
fn obstacle(networks: &Networks, facts: &ImageFacts) -> Option<String> {
    if !networks.direct {
        return Some("the container engine is not on this machine".into());
    }
    let ours = own_architecture();
    if facts.os != "linux" || facts.architecture != ours {
        let (os, architecture) = (&facts.os, &facts.architecture);
        return Some(format!(
            "its image is made for {os}/{architecture}, and Boatyard for linux/{ours}"
        ));
    }
    None
}

/// Why no helper can run in containers of this engine; `None`: nothing speaks against it.
pub fn helper_obstacle(engine: &ContainerEngine, program: &Path) -> Option<String> {
    let (facts, ours) = (&engine.facts, own_architecture());
    if !engine.endpoint().is_local() || facts.rootless {
        return Some("the engine's network is not this machine's".into());
    }
    if facts.os != "linux" || facts.arch != ours {
        let (os, arch) = (&facts.os, &facts.arch);
        return Some(format!(
            "the engine runs {os}/{arch}, and Boatyard is made for linux/{ours}"
        ));
    }
    let needed = super::helper::needs(program);
    needed
        .err()
        .map(|error| format!("{}: {error}", program.display()))
}

/// This machine's architecture, as engines name it.
pub(super) fn own_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The program and its arguments as the engine would put them together: an entrypoint of the stack file takes the image's
/// command away.
fn words(service: &Service, facts: &ImageFacts) -> Vec<String> {
    let own = |words: &Option<CommandWords>| words.as_ref().map(CommandWords::argv);
    let image_command = if service.entrypoint.is_some() {
        Vec::new()
    } else {
        facts.command.clone()
    };
    let mut words = own(&service.entrypoint).unwrap_or_else(|| facts.entrypoint.clone());
    words.extend(own(&service.command).unwrap_or(image_command));
    words
}

fn is_for_loader(pair: &str) -> bool {
    pair.starts_with("LD_") || pair.starts_with("GLIBC_TUNABLES=")
}

/// Writes files into their places and deletes what is gone.
///
/// # Errors
/// In words: what cannot be read here or written there.
pub(super) async fn give(helper: &Handle, copies: Vec<SyncCopy>) -> Result<(), String> {
    let reading = tokio::task::spawn_blocking(move || pieces(&copies));
    let pieces = reading.await.map_err(|error| error.to_string())?;
    for (files, body) in pieces.map_err(|error| error.to_string())? {
        helper.ask(Order::Files { files }, &body).await?;
    }
    Ok(())
}

/// Ends the program and starts it again.
pub(super) async fn restart(helper: &Handle, service: &Service) -> Result<(), String> {
    let grace = service.stop_grace_period.min(RESTART_GRACE);
    let order = Order::Restart {
        signal: service.stop_signal.0.clone(),
        grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
    };
    helper.ask(order, &[]).await.map(drop)
}

/// Sends the program a signal.
pub(super) async fn signal(helper: &Handle, signal: &Signal) -> Result<(), String> {
    let order = Order::Signal {
        signal: signal.0.clone(),
    };
    helper.ask(order, &[]).await.map(drop)
}

type Piece = (Vec<FileHead>, Vec<u8>);

/// What is to be sent, in pieces. A file that went away meanwhile is left out: its deletion is the next change.
fn pieces(copies: &[SyncCopy]) -> io::Result<Vec<Piece>> {
    let mut pieces: Vec<Piece> = vec![Piece::default()];
    for copy in copies {
        let Some((head, content)) = read(copy)? else {
            continue;
        };
        let is_full = pieces
            .last()
            .is_some_and(|(_, body)| body.len() + content.len() > PIECE);
        if is_full {
            pieces.push(Piece::default());
        }
        if let Some((files, body)) = pieces.last_mut() {
            files.push(head);
            body.extend_from_slice(&content);
        }
    }
    pieces.retain(|(files, _)| !files.is_empty());
    Ok(pieces)
}

fn read(copy: &SyncCopy) -> io::Result<Option<(FileHead, Vec<u8>)>> {
    let Some(from) = &copy.from else {
        let head = FileHead {
            to: copy.to.clone(),
            contents: Contents::Gone,
            owner: None,
            mode: 0,
            modified: 0,
        };
        return Ok(Some((head, Vec::new())));
    };
    match read_file(from, copy) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let said = format!("{}: {error}", from.display());
            Err(io::Error::new(error.kind(), said))
        }
        Ok(read) => Ok(Some(read)),
    }
}

fn read_file(from: &Path, copy: &SyncCopy) -> io::Result<(FileHead, Vec<u8>)> {
    let found = fs::symlink_metadata(from)?;
    let mut content = Vec::new();
    let contents = if found.is_symlink() {
        let target = fs::read_link(from)?.to_string_lossy().into_owned();
        Contents::Link { target }
    } else if found.is_dir() {
        Contents::Folder
    } else {
        content = fs::read(from)?;
        let size = content.len() as u64;
        Contents::File { size }
    };
    let head = FileHead {
        to: copy.to.clone(),
        contents,
        owner: copy.stamp.owner.clone(),
        mode: copy.stamp.mode.unwrap_or(found.mode() & 0o7777),
        modified: found.mtime(),
    };
    Ok((head, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ImageFacts {
        ImageFacts {
            entrypoint: vec!["/entry".into()],
            command: vec!["serve".into()],
            os: "linux".into(),
            architecture: own_architecture().into(),
            ..ImageFacts::default()
        }
    }

    #[test]
    fn the_program_is_put_together_as_the_engine_does() {
        let list = |words: &[&str]| {
            Some(CommandWords::Words(
                words.iter().map(|word| (*word).into()).collect(),
            ))
        };
        let mut service = Service::named("s");
        assert_eq!(words(&service, &facts()), ["/entry", "serve"]);
        service.command = list(&["other"]);
        assert_eq!(words(&service, &facts()), ["/entry", "other"]);
        service.entrypoint = list(&["/mine"]);
        assert_eq!(words(&service, &facts()), ["/mine", "other"]);
        service.command = None;
        assert_eq!(words(&service, &facts()), ["/mine"]);
    }

    #[test]
    fn another_architecture_and_another_machine_are_obstacles() {
        let mut networks = Networks {
            all: Vec::new(),
            direct: true,
        };
        assert_eq!(obstacle(&networks, &facts()), None);
        let foreign = ImageFacts {
            architecture: "s390x".into(),
            ..facts()
        };
        assert!(obstacle(&networks, &foreign).is_some_and(|why| why.contains("linux/s390x")));
        networks.direct = false;
        assert!(obstacle(&networks, &facts()).is_some());
    }

    #[test]
    fn what_changes_the_loader_reaches_the_program_alone() {
        let helped = Helped {
            facts: ImageFacts {
                environment: vec!["LD_PRELOAD=/x.so".into(), "HOME=/h".into()],
                user: "app".into(),
                ..facts()
            },
            words: vec!["helper".into()],
            mount: EngineMount::default(),
            reports: oneshot::channel().1,
        };
        let mut body = ContainerCreateBody::default();
        helped.wrap(&mut body, &Service::named("s"));
        assert_eq!(
            body.entrypoint.unwrap(),
            [
                "helper",
                "--user",
                "app",
                "--keep-home",
                "--env",
                "LD_PRELOAD=/x.so",
                "--"
            ]
        );
        assert_eq!(body.env.unwrap(), ["LD_PRELOAD="]);
        assert_eq!(body.user.unwrap(), "0:0");
    }
}
