//! The real container engine for tests: found or skipped, a base image, and a stack of its own that is swept at the end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use boatyard::adapters::container::{ContainerEngine, Containers, Link, Surroundings, find, sweep};
use boatyard::adapters::{Identity, Wires};
use boatyard::engine::{Event, Exit, Place, RunId, StartFailure, StartRun};
use boatyard::runtime::Clock;
use boatyard::stack::{CommandWords, ComposeProject, Runtime, Service};
use boatyard::telemetry::{LogLine, Stream, Telemetry};
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{CreateImageOptionsBuilder, InspectContainerOptions};
use futures_util::StreamExt;
use tokio::sync::mpsc;

#[path = "leftovers.rs"]
mod leftovers;

/// The image that all engine tests run: static busybox, every applet on the path, root its only user.
pub(crate) const BUSYBOX: &str = "boatyard-test/busybox:latest";

/// How long any one thing may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The engine of this machine, with the base image in it. `None`, and a printed word, when there is none; a panic when
/// `BOATYARD_REQUIRE_ENGINE=1`.
pub(crate) async fn engine_or_skip() -> Option<ContainerEngine> {
    match find(&Surroundings::of_this_process()).await {
        Ok(engine) => {
            leftovers::remove_once();
            make_busybox(&engine).await;
            Some(engine)
        }
        Err(none) => {
            let required = std::env::var("BOATYARD_REQUIRE_ENGINE").is_ok_and(|value| value == "1");
            assert!(!required, "BOATYARD_REQUIRE_ENGINE=1, but {none}");
            println!("skipped: {none}");
            None
        }
    }
}

/// Imports busybox under [`BUSYBOX`] if the engine does not have it yet.
async fn make_busybox(engine: &ContainerEngine) {
    if engine.client.inspect_image(BUSYBOX).await.is_ok() {
        return;
    }
    let (name, tag) = BUSYBOX.split_once(':').unwrap();
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(name)
        .tag(tag)
        .changes(vec!["CMD [\"/bin/sh\"]".into(), "ENV PATH=/bin".into()])
        .build();
    let body = bollard::body_full(busybox_tar().into());
    let mut import = Box::pin(engine.client.create_image(Some(options), Some(body), None));
    while let Some(step) = import.next().await {
        step.expect("busybox can be imported");
    }
}

fn busybox_tar() -> Vec<u8> {
    let program = Path::new("/bin/busybox");
    let content = std::fs::read(program)
        .expect("install Debian's busybox-static: engine tests run it in their containers");
    let list = std::process::Command::new(program)
        .arg("--list")
        .output()
        .unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let header = |mode: u32, size: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(size as u64);
        header
    };
    tar.append_data(
        &mut header(0o755, content.len()),
        "bin/busybox",
        content.as_slice(),
    )
    .unwrap();
    for applet in String::from_utf8(list.stdout)
        .unwrap()
        .lines()
        .filter(|name| *name != "busybox")
    {
        let mut header = header(0o777, 0);
        header.set_entry_type(tar::EntryType::Symlink);
        tar.append_link(&mut header, format!("bin/{applet}"), "busybox")
            .unwrap();
    }
    let mut tmp = header(0o1777, 0);
    tmp.set_entry_type(tar::EntryType::Directory);
    tar.append_data(&mut tmp, "tmp/", std::io::empty()).unwrap();
    let passwd = b"root:x:0:0:root:/:/bin/sh\n";
    tar.append_data(&mut header(0o644, passwd.len()), "etc/passwd", &passwd[..])
        .unwrap();
    tar.into_inner().unwrap()
}

/// An identity that no other test, and no other process, has.
pub(crate) fn unique_identity() -> (Identity, tempfile::TempDir) {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let folder = tempfile::tempdir().unwrap();
    let pid = std::process::id();
    let identity = Identity::new(
        &format!("bt{pid}-{number}"),
        folder.path(),
        format!("{pid}-{number}"),
    );
    (identity, folder)
}

/// A session of its own on the real engine. Everything of it is removed when it is dropped, on a panic too.
pub(crate) struct Rig {
    pub(crate) engine: ContainerEngine,
    pub(crate) containers: Containers,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) identity: Identity,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) moves: mpsc::UnboundedReceiver<RunId>,
    events: mpsc::UnboundedReceiver<Event>,
    early: Vec<Event>,
}

impl Rig {
    /// A session, or nothing when there is no engine.
    pub(crate) async fn new() -> Option<Self> {
        Self::through(Surroundings::of_this_process()).await
    }

    /// A session whose link finds the engine from these surroundings.
    pub(crate) async fn through(surroundings: Surroundings) -> Option<Self> {
        Self::with(surroundings, Some(env!("CARGO_BIN_EXE_boatyard").into())).await
    }

    /// The same with another helper inside, or none.
    pub(crate) async fn with(
        surroundings: Surroundings,
        helper: Option<std::path::PathBuf>,
    ) -> Option<Self> {
        Self::known_as(surroundings, helper, |_| {}).await
    }

    /// A session of a stack that is named as Compose does.
    pub(crate) async fn as_compose() -> Option<Self> {
        let helper = Some(env!("CARGO_BIN_EXE_boatyard").into());
        Self::known_as(Surroundings::of_this_process(), helper, |identity| {
            identity.compose = Some(ComposeProject {
                project: identity.stack.clone(),
                working_dir: identity.directory.clone(),
                config_files: vec![identity.directory.join("compose.yaml")],
                environment_files: Vec::new(),
            });
        })
        .await
    }

    async fn known_as(
        surroundings: Surroundings,
        helper: Option<std::path::PathBuf>,
        change: impl FnOnce(&mut Identity),
    ) -> Option<Self> {
        let engine = engine_or_skip().await?;
        let (mut identity, folder) = unique_identity();
        change(&mut identity);
        let (sender, events) = mpsc::unbounded_channel();
        let telemetry = Arc::new(Telemetry::new(1 << 30, 1 << 20));
        let wires = Wires {
            events: sender,
            telemetry: telemetry.clone(),
            clock: Clock::start(),
        };
        let link = Link::start(wires.clone(), surroundings, &identity);
        link.found()
            .await
            .expect("the link finds the engine that was found before");
        let (containers, moves) = Containers::new(wires, identity.clone(), link, helper);
        Some(Self {
            engine,
            containers,
            telemetry,
            identity,
            folder,
            moves,
            events,
            early: Vec::new(),
        })
    }

    /// Starts a run of a service.
    pub(crate) fn start(&self, run: u64, service: &Service) {
        let start = StartRun {
            run: RunId(run),
            service: Arc::new(service.clone()),
            replica: 0,
            runtime: Runtime::Container,
            image: service.image.clone(),
            replaces: None,
            given: Vec::new(),
        };
        self.containers
            .start(start, vec![("GREETING".into(), "hello".into())], Vec::new());
    }

    /// What the engine says of a container.
    pub(crate) async fn inspect(&self, container: &str) -> ContainerInspectResponse {
        let options = None::<InspectContainerOptions>;
        let inspected = self.engine.client.inspect_container(container, options);
        inspected.await.unwrap()
    }

    /// Starts a run and waits until it has been started; its container's id and name.
    pub(crate) async fn started(&mut self, run: u64, service: &Service) -> (String, String) {
        self.start(run, service);
        self.event(|event| match event {
            Event::RunStarted {
                run: id,
                place:
                    Place::Container {
                        id: container,
                        name,
                        ..
                    },
            } if id.0 == run => Some((container.clone(), name.clone())),
            Event::RunFailed { run: id, why } if id.0 == run => panic!("{}", why.message),
            _ => None,
        })
        .await
    }

    /// Waits for the end of a run.
    pub(crate) async fn exited(&mut self, run: u64) -> Exit {
        self.event(|event| match event {
            Event::RunExited { run: id, exit } if id.0 == run => Some(exit.clone()),
            Event::RunFailed { run: id, why } if id.0 == run => panic!("{}", why.message),
            _ => None,
        })
        .await
    }

    /// Waits for a run's failure to start.
    pub(crate) async fn failed(&mut self, run: u64) -> StartFailure {
        self.event(|event| match event {
            Event::RunFailed { run: id, why } if id.0 == run => Some(why.clone()),
            Event::RunStarted { run: id, .. } if id.0 == run => panic!("it was started"),
            _ => None,
        })
        .await
    }

    /// Waits for the first event that `wanted` picks; what came before it is kept for later.
    pub(crate) async fn event<T>(&mut self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut at = 0;
        loop {
            while at < self.early.len() {
                if let Some(found) = wanted(&self.early[at]) {
                    self.early.remove(at);
                    return found;
                }
                at += 1;
            }
            let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
            let early = &self.early;
            let next = next.unwrap_or_else(|_| panic!("nothing more happened; so far: {early:?}"));
            self.early.push(next.expect("the session lives"));
        }
    }

    /// Every event that has come and was not waited for.
    pub(crate) fn others(&mut self) -> Vec<Event> {
        while let Ok(event) = self.events.try_recv() {
            self.early.push(event);
        }
        self.early.clone()
    }

    /// All kept lines, in order.
    pub(crate) fn lines(&self) -> Vec<Arc<LogLine>> {
        self.telemetry.logs().since(0, usize::MAX).lines
    }

    /// All kept lines of one stream as text.
    pub(crate) fn text(&self, stream: Stream) -> Vec<String> {
        let lines = self.lines();
        let of_stream = lines.iter().filter(|line| line.line.stream == stream);
        of_stream
            .map(|line| String::from_utf8_lossy(&line.line.bytes).into_owned())
            .collect()
    }

    /// Waits until the log holds what is wanted.
    pub(crate) async fn until_log(&self, wanted: impl Fn(&Self) -> bool) {
        let mut changes = self.telemetry.changes();
        let waiting = async {
            while !wanted(self) {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("the log never held that");
    }

    /// Names of the containers in the engine that carry this stack's labels.
    pub(crate) async fn container_names(&self) -> Vec<String> {
        container_names(
            &self.engine,
            &format!("{}={}", Identity::HASH, self.identity.hash),
        )
        .await
    }
}

/// Names of the containers in the engine that carry this label.
pub(crate) async fn container_names(engine: &ContainerEngine, label: &str) -> Vec<String> {
    containers_with(engine, &[label]).await
}

/// Names of the containers in the engine that carry all these labels.
pub(crate) async fn containers_with(engine: &ContainerEngine, labels: &[&str]) -> Vec<String> {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let filters = std::collections::HashMap::from([("label", labels)]);
    let filters: std::collections::HashMap<&str, Vec<String>> = filters;
    let options = bollard::query_parameters::ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let found = engine.client.list_containers(Some(options)).await.unwrap();
    found
        .into_iter()
        .flat_map(|container| container.names.unwrap_or_default())
        .collect()
}

impl Drop for Rig {
    fn drop(&mut self) {
        let identity = self.identity.clone();
        // On a thread of its own: the test's runtime may be unwinding.
        let sweeping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let engine = find(&Surroundings::of_this_process()).await.unwrap();
                sweep(&engine, &identity, None, true).await
            })
        });
        let swept = sweeping.join();
        drop(std::fs::remove_dir_all(self.identity.state_folder()));
        if !std::thread::panicking() {
            let swept = swept
                .expect("the sweep does not panic")
                .expect("the engine can be swept");
            assert!(swept.left.is_empty(), "left behind: {:?}", swept.left);
        }
    }
}

/// A service that runs one line of shell in busybox.
pub(crate) fn shell(name: &str, line: &str) -> Service {
    let mut service = Service::named(name);
    service.image = Some(BUSYBOX.into());
    service.command = Some(CommandWords::Shell(line.into()));
    service
}
