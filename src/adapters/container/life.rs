//! The life of one run: its container is made, attached, started, watched, stopped and removed by one task.

mod begin;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{InspectContainerOptions, RemoveContainerOptionsBuilder};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::abort::AbortOnDrop;
use super::create::Created;
use super::ending::{self, Ended};
use super::find::ContainerEngine;
use super::helper::Handle;
use super::holder::Holder;
use super::hooks::{BEFORE_END, Hooks};
use super::kept::{self, Keeper};
use super::leave::{Farewell, Leave, told};
use super::model::{Drained, Order, Request, Shared};
use super::network::Networks;
use super::output::{Pump, PumpEnd};
use super::outside;
use super::plain_names::rename;
use super::relays::Seen;
use super::sink::Sink;
use super::spec::{self, ContainerName};
use super::words::{reason, start_failure};
use crate::engine::{Event, Exit, RunId, StartFailure};

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
        relayed: false,
        networks: Networks {
            all: Vec::new(),
            direct: false,
        },
        image_health: Vec::new(),
        stayed: None,
        addresses: Vec::new(),
        looking: None,
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
        Err(Unstarted::Nameless) => Event::RunFailed {
            run,
            why: plain_failure(NAMELESS),
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

const NAMELESS: &str = "the relay that is to have its name does not come up";

/// Why a run has not been started.
enum Unstarted {
    /// It could not be.
    Failed(StartFailure),
    /// It was asked to end before it began.
    Unwanted,
    /// Its helper did not come up, for this reason; it may be started without.
    Helpless(String),
    /// It has left its name to a relay that did not come up.
    Nameless,
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
    /// Whether a relay has the service's name.
    relayed: bool,
    /// The networks it is on.
    networks: Networks,
    /// The words of the health check that its image defines.
    image_health: Vec<String>,
    /// Its container, if that stays when the program has left.
    stayed: Option<String>,
    /// Its addresses on its networks, as far as they were told.
    addresses: Vec<IpAddr>,
    /// The task that looks where it listens.
    looking: Option<AbortOnDrop>,
}

impl Life {
    /// Watches the program until it has ended for good; then all its output is in the store, or on its way there.
    async fn run(&mut self, mut pump: Pump) -> Exit {
        loop {
            let (ended, sink) = match self.until_over(pump).await {
                Over::Ended(ended, sink) => (ended, sink),
                Over::Yielded(farewell, pump) => return self.keep(farewell, pump),
            };
            let inspected = self.inspect().await;
            let exit = ending::exit(&ended, inspected.as_ref(), sink.as_ref());
            if !self.over && self.restarting.is_none() {
                self.ask_who_ended_it(ending::finished_at(inspected.as_ref()));
            }
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

    /// Nobody here did. It is found out beside all else: its end is told at once.
    fn ask_who_ended_it(&self, ended: Timestamp) {
        if let Some(engine) = self.shared.link.engine() {
            let wires = self.shared.wires.clone();
            let service = self.request.start.service.name.clone();
            tokio::spawn(outside::tell(
                engine,
                wires,
                self.id(),
                service,
                (self.run_id(), ended),
            ));
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
                self.stayed = self.container.take().map(|created| created.id);
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
                let before = ending::Before {
                    drained,
                    hooks: self.before_end(),
                };
                self.stopping = Some(match stay {
                    Some(helper) => {
                        let (tell, told) = oneshot::channel();
                        self.yielded = Some(told);
                        let leave = Leave {
                            signal,
                            grace,
                            tell,
                        };
                        AbortOnDrop::spawn(leave.take(helper, shared, id, before))
                    }
                    None => AbortOnDrop::spawn(ending::stop(shared, id, before, signal, grace)),
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
        self.looking = None;
        for address in std::mem::take(&mut self.addresses) {
            self.shared.relays.tell(Seen::Ended { address });
        }
        let engine = self.shared.link.engine();
        if let (Some(created), Some(engine)) = (self.container.take(), &engine) {
            remove_container(engine, &created.id).await;
        }
        self.pass_name_on(engine.as_ref()).await;
        let service = &self.request.start.service;
        kept::left(&self.shared, service, &self.replica(), self.run_id());
        let unwanted = self
            .lent
            .take()
            .and_then(|holder| self.shared.kept.give_back(holder));
        if let (Some(holder), Some(engine)) = (unwanted, &engine) {
            remove_container(engine, &holder.id).await;
        }
    }

    /// Gives its plain name to the run that waits for it.
    async fn pass_name_on(&mut self, engine: Option<&ContainerEngine>) {
        let ContainerName { plain, own } = spec::name(&self.request, &self.shared.identity);
        let (stayed, run) = (self.stayed.take(), self.run_id());
        let Some(plain) = plain else { return };
        if let (Some(stayed), Some(engine)) = (&stayed, engine) {
            rename(engine, stayed, &own).await;
        }
        let next = self.shared.plain_names.left(&plain, run);
        if let (Some(next), Some(engine)) = (next, engine) {
            rename(engine, &next, &plain).await;
        }
    }

    /// In which container its hooks are run.
    fn hooks(&self) -> Option<Hooks> {
        Some(Hooks {
            engine: self.shared.link.engine()?,
            wires: self.shared.wires.clone(),
            id: self.id(),
            run: self.run_id().0,
            user: self.helper.as_ref().map(|(_, user)| user.clone()),
        })
    }

    /// What is to be run before the program is asked to stop.
    fn before_end(&self) -> Option<Drained> {
        let service = self.request.start.service.clone();
        if service.container.pre_stop.is_empty() {
            return None;
        }
        let within = self.hooks()?;
        Some(Box::pin(async move {
            let hooks = &service.container.pre_stop;
            if let Err(why) = within.run(&service, hooks, BEFORE_END).await {
                within.complain(&service, &why);
            }
        }))
    }

    async fn inspect(&self) -> Option<ContainerInspectResponse> {
        let engine = self.shared.link.engine()?;
        let id = self.id();
        let inspected = engine
            .client
            .inspect_container(&id, None::<InspectContainerOptions>);
        inspected.await.ok()
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
            Self::Nameless => NAMELESS.into(),
            Self::Unwanted => "it was stopped".into(),
        }
    }
}

pub(super) fn plain_failure(message: &str) -> StartFailure {
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
