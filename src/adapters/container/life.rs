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
use super::create::{Created, create, facts};
use super::ending::{self, Ended};
use super::find::ContainerEngine;
use super::helped::{self, Helped, ImageFacts};
use super::helper::{Handle, Order as Inside};
use super::holder::Holder;
use super::kept::{self, Keeper, Namespace, Replica};
use super::leave::{Farewell, Leave, told};
use super::model::{Container, Order, Request, Shared, StackNetwork};
use super::output::{Pump, PumpEnd};
use super::rejoin::attach;
use super::sink::Sink;
use super::spec::How;
use super::words::{is_network_gone, reason, start_failure};
use super::{network, sync};
use crate::engine::{Event, Exit, Place, RunId, StartFailure};
use crate::stack::Reach;

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
        helper: None,
        lent: None,
        stopping: None,
        yielded: None,
        restarting: None,
        over: false,
    };
    let end = match life.start().await {
        Ok(pump) => {
            let exit = life.run(pump).await;
            Event::RunExited { run, exit }
        }
        Err(Unstarted::Failed(why)) => Event::RunFailed { run, why },
        Err(Unstarted::Helpless(why)) => Event::RunFailed {
            run,
            why: plain_failure(&why),
        },
        Err(Unstarted::Unwanted) => Event::RunExited {
            run,
            exit: Exit::default(),
        },
    };
    life.clear_away().await;
    shared.leave(run);
    shared.wires.tell(end);
}

/// Why a run has not been started.
enum Unstarted {
    /// It could not be.
    Failed(StartFailure),
    /// It was asked to end before it began.
    Unwanted,
    /// Its helper did not come up, for this reason; it may be started without.
    Helpless(String),
}

impl From<StartFailure> for Unstarted {
    fn from(why: StartFailure) -> Self {
        Self::Failed(why)
    }
}

/// How a run is over.
enum Over {
    /// Its container has ended.
    Ended(Ended, Option<Sink>),
    /// Its program has ended, and its container stays.
    Yielded(Farewell, Output),
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
    /// The helper inside, and the user as whom commands are to be run beside it.
    helper: Option<(Handle, String)>,
    /// The holder of the network namespace that it lives in, if that is not its own.
    lent: Option<Holder>,
    /// The task that ends the program.
    stopping: Option<AbortOnDrop>,
    /// Told when the program has ended and the container is to be kept: its exit code, and where it listened.
    yielded: Option<oneshot::Receiver<Farewell>>,
    restarting: Option<oneshot::Sender<Result<(), String>>>,
    /// It has been asked to end for good.
    over: bool,
}

impl Life {
    /// Makes the container, attaches to it, starts it, and tells `RunStarted`. Where a helper was to be inside and does not
    /// come up, once more without.
    async fn start(&mut self) -> Result<Pump, Unstarted> {
        let engine = self.engine()?;
        let network = self
            .shared
            .ensure_network(&engine)
            .await
            .map_err(|error| self.failure(&error))?;
        let namespace = self.namespace().await;
        let facts = match self.facts(&engine).await {
            Ok(facts) => facts,
            Err(why) => {
                self.lend(namespace);
                return Err(why);
            }
        };
        let helped = Helped::of(&self.shared, &network, &self.request, &facts).await;
        let how = How { helped, namespace };
        let pump = match self.start_as(&engine, &network, how).await {
            Err(Unstarted::Helpless(why)) => {
                let start = &self.request.start;
                let image = start.image.as_deref().unwrap_or_default();
                self.shared
                    .do_without_helper(image, &start.service.name, &why);
                if let Some(created) = self.container.take() {
                    remove_container(&engine, &created.id).await;
                }
                let how = How {
                    helped: None,
                    namespace: self.lent.take().map_or(Namespace::Named, Namespace::Lent),
                };
                self.start_as(&engine, &network, how).await?
            }
            started => started?,
        };
        Ok(pump)
    }

    async fn start_as(
        &mut self,
        engine: &ContainerEngine,
        network: &StackNetwork,
        how: How,
    ) -> Result<Pump, Unstarted> {
        let (created, how) = self.made(engine, network, how).await?;
        let (id, name) = (created.id.clone(), created.name.clone());
        self.container = Some(created);
        self.lend(how.namespace);
        self.still_wanted()?;
        if how.helped.is_none() {
            self.upload_given(engine, &id).await?;
        }
        let start = &self.request.start;
        let sink = Sink::new(
            self.shared.wires.telemetry.clone(),
            start.service.name.clone(),
            start.run.0,
            network.direct,
        );
        let pump = self.begin(engine, &id, sink, how.helped).await?;
        let kept = self.helper.is_some() && self.request.start.service.keep_network;
        self.shared.wires.tell(Event::RunStarted {
            run: self.run_id(),
            place: Place::Container { id, name, kept },
        });
        Ok(pump)
    }

    async fn namespace(&self) -> Namespace {
        let start = &self.request.start;
        let kept = &self.shared.kept;
        kept.place(&start.service, &self.replica(), start.run).await
    }

    fn replica(&self) -> Replica {
        let start = &self.request.start;
        (start.service.name.clone(), start.replica)
    }

    fn lend(&mut self, namespace: Namespace) {
        if let Namespace::Lent(holder) = namespace {
            self.lent = Some(holder);
        }
    }

    /// What the image says of itself. A pull may take long, so it can be given up.
    async fn facts(&mut self, engine: &ContainerEngine) -> Result<ImageFacts, Unstarted> {
        let (shared, request) = (self.shared.clone(), self.request.clone());
        let mut finding = Box::pin(facts(&shared, engine, &request));
        loop {
            tokio::select! {
                found = &mut finding => return Ok(found?),
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                return Err(Unstarted::Unwanted);
            }
        }
    }

    /// Makes the container. Nothing of it is cut short by an order: what the engine was asked to make must be known, to be
    /// removed.
    async fn made(
        &mut self,
        engine: &ContainerEngine,
        network: &StackNetwork,
        how: How,
    ) -> Result<(Created, How), Unstarted> {
        let (shared, request) = (self.shared.clone(), self.request.clone());
        let (engine, network) = (engine.clone(), network.clone());
        let mut making = tokio::spawn(async move {
            let made = create(&shared, &engine, &request, &network, &how).await;
            (made, how)
        });
        loop {
            tokio::select! {
                made = &mut making => {
                    let broke = |_| plain_failure("its container could not be made: the task broke");
                    let (made, how) = made.map_err(broke)?;
                    return match made {
                        Ok(created) => Ok((created, how)),
                        Err(why) => {
                            self.lend(how.namespace);
                            Err(why.into())
                        }
                    };
                }
                order = self.orders.recv() => self.note(order),
            }
            if self.over {
                // The task goes on by itself; what it still makes is removed by it or by the next sweep.
                return Err(self.abandon(making).await);
            }
        }
    }

    /// Waits for the making to end, briefly.
    async fn abandon(
        &mut self,
        making: tokio::task::JoinHandle<(Result<Created, StartFailure>, How)>,
    ) -> Unstarted {
        let abort = making.abort_handle();
        match tokio::time::timeout(Duration::from_secs(2), making).await {
            Ok(Ok((made, how))) => {
                self.container = made.ok();
                self.lend(how.namespace);
            }
            Ok(Err(_)) => {}
            Err(_) => abort.abort(),
        }
        Unstarted::Unwanted
    }

    /// Without a helper, files that the image lacks are copied in by the engine, before the program starts.
    async fn upload_given(&self, engine: &ContainerEngine, id: &str) -> Result<(), Unstarted> {
        let start = &self.request.start;
        let given = sync::upload_given(engine, id, &start.service, start.given.clone()).await;
        given.map_err(|why| plain_failure(&why).into())
    }

    /// Attaches to the container, starts it, and waits for its helper, which is given its files and starts the program.
    async fn begin(
        &mut self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
        helped: Option<Helped>,
    ) -> Result<Pump, Unstarted> {
        let pump = self.attach_and_start(engine, id, sink).await?;
        if let Some(helped) = helped {
            let start = &self.request.start;
            let user = helped.user(&start.service);
            let link = self.shared.link.clone();
            let met = tokio::select! {
                met = helped.meet() => met,
                _ = ending::wait(&link, id) => Err("it ended at once".to_owned()),
            };
            let helper = match met {
                Ok(helper) => helper,
                Err(why) => return Err(Unstarted::Helpless(self.last_words(pump, why).await)),
            };
            let begun = async {
                helped::give(&helper, start.given.clone()).await?;
                helper.ask(Inside::Start, &[]).await
            };
            if let Err(why) = begun.await {
                let why = self.last_words(pump, why).await;
                return Err(plain_failure(&why).into());
            }
            self.helper = Some((helper, user));
        }
        self.publish(engine, id).await;
        Ok(pump)
    }

    /// Why a container did not come up: what it, or the engine, printed last says more.
    async fn last_words(&self, pump: Pump, why: String) -> String {
        drop(ending::send(&self.shared, &self.id(), "SIGKILL").await);
        let said = pump.drained().await.map(|end| end.sink.last_lines());
        match said.unwrap_or_default().join("\n") {
            said if said.is_empty() => why,
            said => format!("{why}: {said}"),
        }
    }

    /// Attaches and starts the container.
    async fn attach_and_start(
        &self,
        engine: &ContainerEngine,
        id: &str,
        sink: Sink,
    ) -> Result<Pump, Unstarted> {
        let attached = attach(engine, id)
            .await
            .map_err(|error| plain_failure(&format!("its output cannot be read: {error}")))?;
        let started = self.start_container(engine, id).await;
        started.map_err(|error| self.failure(&error))?;
        Ok(Pump::attached(attached, self.tty(), sink))
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
            reach: match &self.lent {
                Some(holder) => Some(Reach::Host(holder.address)),
                None => network::reach(&found, &network),
            },
            pid: pid
                .and_then(|pid| u32::try_from(pid).ok())
                .filter(|pid| *pid != 0),
            user: found
                .config
                .and_then(|config| config.user)
                .unwrap_or_default(),
            helper: self.helper.clone(),
            owner: None,
        };
        let moved = before.is_some_and(|before| before.reach != container.reach);
        self.shared.running(self.run_id(), container);
        if moved {
            // Whoever wanted to know may be gone.
            let _ = self.shared.moved.send(self.run_id());
        }
    }

    /// Watches the program until it has ended for good; then all its output is in the store, or on its way there.
    async fn run(&mut self, mut pump: Pump) -> Exit {
        loop {
            let (ended, sink) = match self.until_over(pump).await {
                Over::Ended(ended, sink) => (ended, sink),
                Over::Yielded(farewell, pump) => return self.keep(farewell, pump),
            };
            let inspected = self.inspect().await;
            let exit = ending::exit(&ended, inspected.as_ref(), sink.as_ref());
            let (Some(reply), false, Some(mut sink)) = (self.restarting.take(), self.over, sink)
            else {
                return exit;
            };
            self.stopping = None;
            sink.begin_again(ending::finished_at(inspected.as_ref()));
            let started = match self.engine() {
                Ok(engine) => self.begin(&engine, &self.id(), sink, None).await,
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

    /// The program has left: its container stays under its name.
    fn keep(&mut self, farewell: Farewell, pump: Output) -> Exit {
        // What it printed last is still on its way.
        if let Output::Flowing(pump) = pump {
            tokio::spawn(pump.drained());
        }
        if let (Some(created), Some((helper, _))) = (&self.container, self.helper.take()) {
            let keeper = Keeper {
                container: created.id.clone(),
                helper,
                ports: farewell.ports,
            };
            let service = &self.request.start.service;
            if kept::keep(&self.shared, service, self.replica(), keeper) {
                self.container = None;
            }
        }
        let ended = Ended {
            code: farewell.code.map(i64::from),
            interrupted: false,
            gone: false,
        };
        ending::exit(&ended, None, None)
    }

    /// Waits for the program's end while reading its output and obeying orders.
    async fn until_over(&mut self, pump: Pump) -> Over {
        let mut output = Output::Flowing(pump);
        let shared = self.shared.clone();
        let id = self.id();
        let mut end = Box::pin(ending::wait(&shared.link, &id));
        let ended = loop {
            tokio::select! {
                ended = &mut end => break ended,
                farewell = told(&mut self.yielded) => return Over::Yielded(farewell, output),
                order = self.orders.recv() => self.obey(order),
                overdue = turn(&mut output) => if overdue {
                    output = self.resume(output).await;
                },
            }
        };
        let sink = self.drain(output, &ended).await;
        Over::Ended(ended, sink)
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
            Some(Order::Stop {
                drained,
                grace,
                replaced,
            }) => {
                self.over = true;
                let signal = self.request.start.service.stop_signal.0.clone();
                let stay = replaced.then(|| self.who_stays()).flatten();
                self.stopping = Some(match stay {
                    Some(helper) => {
                        let (tell, told) = oneshot::channel();
                        self.yielded = Some(told);
                        let leave = Leave {
                            signal,
                            grace,
                            tell,
                        };
                        AbortOnDrop::spawn(leave.take(helper, shared, id, drained))
                    }
                    None => AbortOnDrop::spawn(ending::stop(shared, id, drained, signal, grace)),
                });
            }
            Some(Order::Kill) | None => {
                self.over = true;
                self.stopping = Some(AbortOnDrop::spawn(ending::kill(shared, id)));
            }
            Some(Order::Restart(reply)) if self.over || self.restarting.is_some() => {
                drop(reply.send(Err("it is already being stopped".into())));
            }
            Some(Order::Restart(reply)) if self.helper.is_some() => {
                drop(reply.send(Err("its helper has ended".into())));
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

    /// The helper that stays when the program leaves: that of the run that has its replica's name.
    fn who_stays(&self) -> Option<Handle> {
        let (helper, _) = self.helper.as_ref()?;
        let is_named = self.shared.kept.is_named(&self.replica(), self.run_id());
        (is_named && helper.is_there()).then(|| helper.clone())
    }

    /// Removes the container and gives back what was lent.
    async fn clear_away(&mut self) {
        let engine = self.shared.link.engine();
        if let Some(created) = self.container.take() {
            self.shared.kept.lost(&self.replica(), self.run_id());
            if let Some(engine) = &engine {
                remove_container(engine, &created.id).await;
            }
        }
        let unwanted = self
            .lent
            .take()
            .and_then(|holder| self.shared.kept.give_back(holder));
        if let (Some(holder), Some(engine)) = (unwanted, &engine) {
            remove_container(engine, &holder.id).await;
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

    async fn network(&self) -> Option<StackNetwork> {
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

/// Removes a container and its unnamed volumes. What cannot be removed now is left to the next sweep.
pub(super) async fn remove_container(engine: &ContainerEngine, id: &str) {
    let options = RemoveContainerOptionsBuilder::default()
        .force(true)
        .v(true)
        .build();
    if let Err(error) = engine.client.remove_container(id, Some(options)).await {
        tracing::warn!(id, reason = reason(&error), "not removed");
    }
}

impl Unstarted {
    fn shown(self) -> String {
        match self {
            Self::Failed(why) => why.message,
            Self::Helpless(why) => why,
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
