//! The life of one run: its container is made, attached, started, watched, stopped and removed by one task.

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{InspectContainerOptions, RemoveContainerOptionsBuilder};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::abort::AbortOnDrop;
use super::create::{Created, create};
use super::ending::{self, Ended};
use super::find::ContainerEngine;
use super::model::{Container, Order, Request, Shared};
use super::network;
use super::output::{Pump, PumpEnd};
use super::rejoin::attach;
use super::sink::Sink;
use super::words::{is_network_gone, reason, start_failure};
use crate::engine::{Event, Exit, Place, RunId, StartFailure};

/// How long after the end of the output the end of the program may be heard of, before the output is looked for again.
const END_LAG: Duration = Duration::from_millis(500);

/// Runs a run from its creation to its removal, and tells its events. `RunExited` or `RunFailed` is told exactly once.
pub(super) async fn live(
    shared: Arc<Shared>,
    request: Request,
    orders: mpsc::UnboundedReceiver<Order>,
) {
    let run = request.start.run;
    let mut life = Life {
        shared: shared.clone(),
        request,
        orders,
        container: None,
        stopping: None,
        restarting: None,
        over: false,
    };
    let end = match life.start().await {
        Ok(pump) => {
            let exit = life.run(pump).await;
            Event::RunExited { run, exit }
        }
        Err(Unstarted::Failed(why)) => Event::RunFailed { run, why },
        Err(Unstarted::Unwanted) => Event::RunExited {
            run,
            exit: Exit::default(),
        },
    };
    life.remove().await;
    shared.leave(run);
    shared.wires.tell(end);
}

/// Why a run has not been started.
enum Unstarted {
    /// It could not be.
    Failed(StartFailure),
    /// It was asked to end before it began.
    Unwanted,
}

impl From<StartFailure> for Unstarted {
    fn from(why: StartFailure) -> Self {
        Self::Failed(why)
    }
}

/// Where the output stands.
enum Output {
    /// It is being read.
    Flowing(Pump),
    /// Reading ended, at this time.
    Ended(Box<PumpEnd>, Instant),
    /// The reading task broke; nothing more can be kept.
    Broken,
}

struct Life {
    shared: Arc<Shared>,
    request: Request,
    orders: mpsc::UnboundedReceiver<Order>,
    container: Option<Created>,
    /// The task that ends the program.
    stopping: Option<AbortOnDrop>,
    restarting: Option<oneshot::Sender<Result<(), String>>>,
    /// It has been asked to end for good.
    over: bool,
}

impl Life {
    /// Makes the container, attaches to it, starts it, and tells `RunStarted`.
    async fn start(&mut self) -> Result<Pump, Unstarted> {
        let engine = self.engine()?;
        let created = self.made(&engine).await?;
        let (id, name) = (created.id.clone(), created.name.clone());
        self.container = Some(created);
        self.still_wanted()?;
        let start = &self.request.start;
        let local = self.network().await.is_some_and(|network| network.direct);
        let sink = Sink::new(
            self.shared.wires.telemetry.clone(),
            start.service.name.clone(),
            start.run.0,
            local,
        );
        let pump = self
            .begin(&engine, &id, sink)
            .await
            .map_err(|(_, why)| why)?;
        self.shared.wires.tell(Event::RunStarted {
            run: self.run_id(),
            place: Place::Container { id, name },
        });
        Ok(pump)
    }

    /// Makes the network and the container. Nothing of it is cut short by an order, but for a pull: what the engine was
    /// asked to make must be known, to be removed.
    async fn made(&mut self, engine: &ContainerEngine) -> Result<Created, Unstarted> {
        let network = self
            .shared
            .ensure_network(engine)
            .await
            .map_err(|error| self.failure(&error))?;
        self.still_wanted()?;
        let shared = self.shared.clone();
        let request = self.request.clone();
        let engine = engine.clone();
        let mut making =
            tokio::spawn(async move { create(&shared, &engine, &request, &network).await });
        loop {
            tokio::select! {
                made = &mut making => {
                    let broke = |_| plain_failure("its container could not be made: the task broke");
                    return Ok(made.map_err(broke)??);
                }
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                // The task goes on by itself; what it still makes is removed by it or by the next sweep.
                return Err(self.abandon(making).await);
            }
        }
    }

    /// Waits for the making to end, briefly; a pull is cut short.
    async fn abandon(
        &mut self,
        making: tokio::task::JoinHandle<Result<Created, StartFailure>>,
    ) -> Unstarted {
        let abort = making.abort_handle();
        match tokio::time::timeout(Duration::from_secs(2), making).await {
            Ok(Ok(Ok(created))) => self.container = Some(created),
            Ok(_) => {}
            Err(_) => abort.abort(),
        }
        Unstarted::Unwanted
    }

    /// Attaches and starts the program. The sink comes back if it cannot be started.
    async fn begin(
        &self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
    ) -> Result<Pump, (Sink, Unstarted)> {
        let attached = match attach(engine, id).await {
            Ok(attached) => attached,
            Err(error) => {
                let why = plain_failure(&format!("its output cannot be read: {error}"));
                return Err((sink, why.into()));
            }
        };
        if let Err(error) = self.start_container(engine, id).await {
            return Err((sink, self.failure(&error).into()));
        }
        let pump = Pump::attached(attached, self.request.start.service.tty, sink);
        self.publish(engine, id).await;
        Ok(pump)
    }

    /// Starts the container, on a new network of the same name if somebody removed the old one.
    async fn start_container(&self, engine: &ContainerEngine, id: &str) -> Result<(), Error> {
        match engine.client.start_container(id, None).await {
            Err(error) if is_network_gone(&error) => {
                self.shared.renew_network(engine).await?;
                engine.client.start_container(id, None).await
            }
            started => started,
        }
    }

    /// Learns where the run is and makes it known. Does nothing when the program has already ended.
    async fn publish(&self, engine: &ContainerEngine, id: &str) {
        let inspected = engine
            .client
            .inspect_container(id, None::<InspectContainerOptions>);
        let (Ok(found), Some(network)) = (inspected.await, self.network().await) else {
            return;
        };
        let pid = found.state.as_ref().and_then(|state| state.pid);
        let before = self.shared.container(self.run_id());
        let container = Container {
            id: id.to_owned(),
            service: self.request.start.service.clone(),
            reach: network::reach(&found, &network),
            pid: pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid != 0),
            user: found
                .config
                .and_then(|config| config.user)
                .unwrap_or_default(),
            owner: None,
        };
        let moved = before.is_some_and(|before| before.reach != container.reach);
        self.shared.running(self.run_id(), container);
        if moved {
            // Whoever wanted to know may be gone.
            let _ = self.shared.moved.send(self.run_id());
        }
    }

    /// Watches the program until it has ended for good; then all its output is in the store.
    async fn run(&mut self, mut pump: Pump) -> Exit {
        loop {
            let (ended, sink) = self.until_ended(pump).await;
            let inspected = self.inspect().await;
            let exit = ending::exit(&ended, inspected.as_ref(), sink.as_ref());
            let (Some(reply), false, Some(mut sink)) = (self.restarting.take(), self.over, sink)
            else {
                return exit;
            };
            self.stopping = None;
            sink.begin_again(ending::finished_at(inspected.as_ref()));
            let started = match self.engine() {
                Ok(engine) => self
                    .begin(&engine, &self.id(), sink)
                    .await
                    .map_err(|(_, why)| why),
                Err(why) => Err(why.into()),
            };
            match started {
                Ok(again) => {
                    drop(reply.send(Ok(())));
                    pump = again;
                }
                Err(why) => {
                    drop(reply.send(Err(why.shown())));
                    return exit;
                }
            }
        }
    }

    /// Waits for the program's end while reading its output and obeying orders.
    async fn until_ended(&mut self, pump: Pump) -> (Ended, Option<Sink>) {
        let mut output = Output::Flowing(pump);
        let shared = self.shared.clone();
        let id = self.id();
        let mut end = Box::pin(ending::wait(&shared.link, &id));
        let ended = loop {
            tokio::select! {
                ended = &mut end => break ended,
                order = self.orders.recv() => self.obey(order),
                overdue = turn(&mut output) => if overdue {
                    output = self.resume(output).await;
                },
            }
        };
        let sink = self.drain(output, &ended).await;
        (ended, sink)
    }

    /// Reads on from the log after the output broke off while the program still runs.
    async fn resume(&self, output: Output) -> Output {
        match output {
            Output::Ended(end, _) => {
                let engine = self.shared.link.up().await;
                Output::Flowing(Pump::from_log(
                    engine,
                    self.id(),
                    self.tty(),
                    true,
                    end.sink,
                ))
            }
            other => other,
        }
    }

    /// Takes what is still on its way, and fills in what a break may have lost.
    async fn drain(&self, output: Output, ended: &Ended) -> Option<Sink> {
        let end = match output {
            Output::Flowing(pump) => pump.drained().await?,
            Output::Ended(end, _) => *end,
            Output::Broken => return None,
        };
        let mut sink = end.sink;
        if (ended.interrupted || !end.complete) && !ended.gone {
            let engine = self.shared.link.up().await;
            let pump = Pump::from_log(engine, self.id(), self.tty(), false, sink);
            sink = pump.drained().await?.sink;
        }
        sink.finish(Timestamp::now());
        Some(sink)
    }

    /// An order while the run is being started.
    fn note(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Stop { .. } | Order::Kill) | None => self.over = true,
            Some(Order::Restart(reply)) => drop(reply.send(Err("it is still starting".into()))),
        }
    }

    /// An order while the program runs.
    fn obey(&mut self, order: Option<Order>) {
        let (shared, id) = (self.shared.clone(), self.id());
        match order {
            Some(Order::Stop { drained, grace }) => {
                self.over = true;
                let signal = self.request.start.service.stop_signal.0.clone();
                let stopping = ending::stop(shared, id, drained, signal, grace);
                self.stopping = Some(AbortOnDrop::spawn(stopping));
            }
            Some(Order::Kill) | None => {
                self.over = true;
                self.stopping = Some(AbortOnDrop::spawn(ending::kill(shared, id)));
            }
            Some(Order::Restart(reply)) if self.over || self.restarting.is_some() => {
                drop(reply.send(Err("it is already being stopped".into())));
            }
            Some(Order::Restart(reply)) => {
                self.restarting = Some(reply);
                self.stopping = Some(AbortOnDrop::spawn(ending::kill(shared, id)));
            }
        }
    }

    /// Obeys what was ordered so far, before the next step of the start.
    fn still_wanted(&mut self) -> Result<(), Unstarted> {
        while let Ok(order) = self.orders.try_recv() {
            self.note(Some(order));
        }
        if self.over {
            Err(Unstarted::Unwanted)
        } else {
            Ok(())
        }
    }

    /// Removes the container and its unnamed volumes. What cannot be removed now is left to the next sweep.
    async fn remove(&mut self) {
        let (Some(created), Some(engine)) = (self.container.take(), self.shared.link.engine())
        else {
            return;
        };
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        if let Err(error) = engine
            .client
            .remove_container(&created.id, Some(options))
            .await
        {
            tracing::warn!(
                container = created.name,
                reason = reason(&error),
                "not removed"
            );
        }
    }

    async fn inspect(&self) -> Option<ContainerInspectResponse> {
        let engine = self.shared.link.engine()?;
        let id = self.id();
        let inspected = engine
            .client
            .inspect_container(&id, None::<InspectContainerOptions>);
        inspected.await.ok()
    }

    async fn network(&self) -> Option<super::model::StackNetwork> {
        self.shared.network.lock().await.clone()
    }

    fn engine(&self) -> Result<ContainerEngine, StartFailure> {
        let away = || plain_failure("the container engine does not answer; is its daemon running?");
        self.shared.link.engine().ok_or_else(away)
    }

    fn failure(&self, error: &Error) -> StartFailure {
        let start = &self.request.start;
        start_failure(
            error,
            &start.service,
            start.image.as_deref().unwrap_or_default(),
        )
    }

    fn run_id(&self) -> RunId {
        self.request.start.run
    }

    fn id(&self) -> String {
        self.container
            .as_ref()
            .map(|created| created.id.clone())
            .unwrap_or_default()
    }

    fn tty(&self) -> bool {
        self.request.start.service.tty
    }
}

impl Unstarted {
    fn shown(self) -> String {
        match self {
            Self::Failed(why) => why.message,
            Self::Unwanted => "it was stopped".into(),
        }
    }
}

fn plain_failure(message: &str) -> StartFailure {
    StartFailure {
        message: message.into(),
        missing_image: None,
    }
}

/// Waits for the end of reading and turns `output` accordingly. After that, says true once the output has been at its end
/// for so long that the program is likely to run on without being read.
async fn turn(output: &mut Output) -> bool {
    match output {
        Output::Flowing(pump) => {
            *output = match pump.ended().await {
                Some(end) => Output::Ended(Box::new(end), Instant::now()),
                None => Output::Broken,
            };
            false
        }
        Output::Ended(_, at) => {
            tokio::time::sleep_until(*at + END_LAG).await;
            true
        }
        Output::Broken => std::future::pending().await,
    }
}
