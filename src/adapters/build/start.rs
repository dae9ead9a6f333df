//! Starting and cancelling builds: each ends in exactly one event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::model::{Output, Sink, plain};
use super::workshop::Workshop;
use crate::adapters::Wires;
use crate::engine::{BuildId, Event};
use crate::stack::Service;
use crate::telemetry::{NewLine, Stream};

/// Performs the engine's wishes to build.
#[derive(Debug, Clone)]
pub struct Builds {
    wires: Wires,
    workshop: Arc<Workshop>,
    running: Arc<Mutex<HashMap<BuildId, oneshot::Sender<()>>>>,
    /// How many images were made.
    built: Arc<AtomicU64>,
}

/// How long nothing must have been built before old images are looked at.
const CALM: Duration = Duration::from_secs(5);

/// Every so many builds old images are looked at in any case.
const BUSY: u64 = 20;

impl Builds {
    /// Builds in this workshop.
    pub fn new(wires: Wires, workshop: Arc<Workshop>) -> Self {
        Self {
            wires,
            workshop,
            running: Arc::default(),
            built: Arc::default(),
        }
    }

    /// Begins a build. It ends in exactly one of `BuildFinished`, `BuildFailed` and `BuildCancelled`.
    pub fn start(&self, build: BuildId, service: Arc<Service>, fresh: bool) {
        let (cancel, cancelled) = oneshot::channel();
        self.lock().insert(build, cancel);
        let this = self.clone();
        tokio::spawn(async move {
            let end = End {
                build,
                wires: this.wires.clone(),
                event: None,
            };
            this.run(end, build, service, fresh, cancelled).await;
        });
    }

    /// Stops a build; one that has ended already is left as it ended.
    pub fn cancel(&self, build: BuildId) {
        if let Some(cancel) = self.lock().remove(&build) {
            // A build that has just ended listens no more.
            let _ = cancel.send(());
        }
    }

    async fn run(
        &self,
        mut end: End,
        build: BuildId,
        service: Arc<Service>,
        fresh: bool,
        cancelled: oneshot::Receiver<()>,
    ) {
        let sink = self.sink(build, &service);
        let made = tokio::select! {
            biased;
            Ok(()) = cancelled => None,
            made = self.workshop.make(&service, fresh, &sink) => Some(made),
        };
        self.lock().remove(&build);
        let is_new = matches!(made, Some(Ok((_, false))));
        end.event = Some(match made {
            None => Event::BuildCancelled { build },
            Some(Ok((result, cached))) => Event::BuildFinished {
                build,
                image: result.image,
                cached,
            },
            Some(Err(failure)) => Event::BuildFailed { build, failure },
        });
        drop(end);
        if is_new {
            self.sweep_when_calm().await;
        }
    }

    /// Sweeps once nothing was built for a while: what was built is about to be started, and that comes first. Where builds
    /// never end, some of them sweep all the same.
    async fn sweep_when_calm(&self) {
        let count = self.built.fetch_add(1, Ordering::Relaxed) + 1;
        tokio::time::sleep(CALM).await;
        if self.built.load(Ordering::Relaxed) == count || count.is_multiple_of(BUSY) {
            self.workshop.sweep().await;
        }
    }

    /// How many bytes the stack's old images may have together; `None`: as many as is usual.
    pub fn set_budget(&self, bytes: Option<u64>) {
        self.workshop.set_budget(bytes);
    }

    /// Lines go to the log, steps to the engine.
    fn sink(&self, build: BuildId, service: &Service) -> Sink {
        let (wires, name) = (self.wires.clone(), service.name.clone());
        Arc::new(move |output| match output {
            Output::Step(step) => wires.tell(Event::BuildProgress { build, step }),
            Output::Line { at, bytes } => {
                wires.telemetry.logs().push(NewLine {
                    service: name.clone(),
                    run: build.0,
                    at,
                    stream: Stream::Build,
                    bytes,
                });
                wires.telemetry.touch();
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<BuildId, oneshot::Sender<()>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells how a build ended when it is dropped, even if the task that built it broke.
struct End {
    build: BuildId,
    wires: Wires,
    event: Option<Event>,
}

impl Drop for End {
    fn drop(&mut self) {
        let event = self.event.take().unwrap_or_else(|| Event::BuildFailed {
            build: self.build,
            failure: plain("the build ended without a result, which is a fault of Boatyard; rebuild, and report it"),
        });
        self.wires.tell(event);
    }
}
