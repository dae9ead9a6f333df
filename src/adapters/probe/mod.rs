//! Health probes: asked fast at start, calmly later.

mod grpc;
mod log_line;
mod question;
mod schedule;
mod watched;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use self::question::{Asked, Question};
use self::schedule::Schedule;
use self::watched::Watched;
use super::ask::{REFUSED, time_words};
use super::{Exec, HealthChecks, Wires};
use crate::engine::{Event, ProbeAnswer, RunId};
use crate::stack::{Health, Probe, Service};

/// While asked fast, an answer like the one before is told again only after this time.
const TOLD_AGAIN: Duration = Duration::from_millis(250);

/// Commands that ask after the health of ready runs go one after another, and rest so many times as long as the last one
/// took: however many services ask in this way, and however often, they take a fifth of one core at most.
const REST: u32 = 4;

/// The probes of all runs.
#[derive(Debug)]
pub struct Probes {
    wires: Wires,
    runs: HashMap<RunId, Probed>,
    /// For commands inside runs that are ready.
    lane: Arc<Mutex<()>>,
}

/// A run that is asked; dropped, it is not asked any more.
#[derive(Debug)]
struct Probed {
    calm: watch::Sender<bool>,
    asking: AbortHandle,
}

impl Drop for Probed {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Probes {
    /// Probes that tell their answers through these wires.
    pub fn new(wires: Wires) -> Self {
        Self {
            wires,
            runs: HashMap::new(),
            lane: Arc::default(),
        }
    }

    /// Asks after the health of a run from now on, fast until [`Self::pace`] says otherwise. Each answer becomes an
    /// [`Event::Probed`]; while it is asked fast, a repeated answer only every 250 ms.
    ///
    /// `address` tells where a container port of the run (`None`: its own port) is reached; `None` while that is not
    /// known. `checks` are the engine's own of the same kind, if it makes any: what they tell is not asked for again. A
    /// service without a probe is not asked. A run that is asked already is asked anew.
    pub fn start(
        &mut self,
        run: RunId,
        service: &Service,
        address: impl Fn(Option<u16>) -> Option<SocketAddr> + Send + Sync + 'static,
        exec: Exec,
        checks: Option<HealthChecks>,
    ) {
        let Some(health) = service.health.clone() else {
            return;
        };
        let (calm, pace) = watch::channel(false);
        let teller = Teller::new(self.wires.clone(), run);
        let asking = if let Probe::Log(pattern) = &health.probe {
            let name = service.name.clone();
            tokio::spawn(log_line::follow(teller, name, pattern.clone(), pace))
        } else {
            let question = Question::new(health.probe.clone(), Arc::new(address), exec);
            let asker = Asker {
                teller,
                question,
                watched: checks.map(|checks| Watched::new(checks, &health)),
                schedule: Schedule::new(&health),
                health,
                lane: Arc::clone(&self.lane),
            };
            tokio::spawn(follow(asker, pace))
        };
        let asking = asking.abort_handle();
        self.runs.insert(run, Probed { calm, asking });
    }

    /// From now on asks every `interval` (`calm`), or fast again, at once.
    pub fn pace(&mut self, run: RunId, calm: bool) {
        if let Some(probed) = self.runs.get(&run) {
            probed.calm.send_replace(calm);
        }
    }

    /// Asks no more. An answer that is under way is not told.
    pub fn stop(&mut self, run: RunId) {
        self.runs.remove(&run);
    }
}

/// All that asking after one run takes.
struct Asker {
    teller: Teller,
    question: Question,
    health: Health,
    schedule: Schedule,
    watched: Option<Watched>,
    lane: Arc<Mutex<()>>,
}

/// Asks and waits, again and again.
async fn follow(mut asker: Asker, mut pace: watch::Receiver<bool>) {
    loop {
        let calm = *pace.borrow_and_update();
        let mut changed = pin!(asker.changed(calm));
        let mut delay = match asker.look(calm).await {
            Some(delay) => delay,
            None => match asker.ask(calm, &mut pace).await {
                Asking::Over(unheard) => asker.schedule.next(*pace.borrow_and_update(), unheard),
                Asking::Hurry => continue,
                Asking::End => return,
            },
        };
        loop {
            tokio::select! {
                () = sleep(delay) => break,
                () = &mut changed => break,
                paced = pace.changed() => {
                    if paced.is_err() {
                        return;
                    }
                    asker.schedule.restart();
                    let calm = *pace.borrow_and_update();
                    changed.set(asker.changed(calm));
                    delay = if calm { asker.first_calm() } else { Duration::ZERO };
                }
            }
        }
    }
}

/// What came of asking.
enum Asking {
    /// It was answered, or by nobody (`true`).
    Over(bool),
    /// It is to be asked fast now.
    Hurry,
    /// Nobody wants to know any more.
    End,
}

impl Asker {
    /// Tells what is known without asking, and when to look again; `None` when it must be asked.
    async fn look(&mut self, calm: bool) -> Option<Duration> {
        let watched = self.watched.as_mut()?;
        if !watched.suffice(calm) {
            return None;
        }
        for answer in watched.news().await? {
            self.teller.tell(answer, calm);
        }
        Some(watched.next(calm))
    }

    /// Ends when there is something to look at, from now on.
    fn changed(&self, calm: bool) -> impl Future<Output = ()> + Send + use<> {
        let watched = self.watched.as_ref().filter(|it| it.suffice(calm));
        let changed = watched.map(Watched::changed);
        async move {
            match changed {
                Some(changed) => changed.await,
                None => std::future::pending().await,
            }
        }
    }

    /// When to ask for the first time after a run became ready.
    fn first_calm(&self) -> Duration {
        let watched = self.watched.as_ref();
        watched.map_or(self.health.interval, |watched| watched.next(true))
    }

    async fn ask(&mut self, calm: bool, pace: &mut watch::Receiver<bool>) -> Asking {
        let is_costly = matches!(self.health.probe, Probe::Exec(_));
        let turn = if is_costly && calm {
            tokio::select! {
                turn = Arc::clone(&self.lane).lock_owned() => Some(turn),
                changed = pace.changed() => return match changed {
                    Ok(()) => Asking::Hurry,
                    Err(_) => Asking::End,
                },
            }
        } else {
            None
        };
        let asking = turn.map(rest_after);
        if let Some(watched) = &mut self.watched {
            watched.overtaken();
        }
        let answer = answer(&self.question, &self.health, calm).await;
        drop(asking);
        let unheard = answer.said == REFUSED;
        self.teller.tell(answer, calm);
        Asking::Over(unheard)
    }
}

/// Gives the turn back a while after what is returned was dropped; a command that hangs does not keep the others waiting.
fn rest_after(turn: OwnedMutexGuard<()>) -> oneshot::Sender<()> {
    const LONGEST: Duration = Duration::from_millis(500);
    let (asking, asked) = oneshot::channel();
    tokio::spawn(async move {
        let began = Instant::now();
        drop(timeout(LONGEST, asked).await);
        sleep(began.elapsed() * REST).await;
        drop(turn);
    });
    asking
}

async fn answer(question: &Question, health: &Health, calm: bool) -> ProbeAnswer {
    let began = Instant::now();
    let Asked { healthy, said } = timeout(health.timeout, question.ask(health.timeout, calm))
        .await
        .unwrap_or_else(|_| Asked {
            healthy: false,
            said: format!("timed out after {}", time_words(health.timeout)),
        });
    ProbeAnswer {
        healthy,
        took: began.elapsed(),
        said,
    }
}

/// Tells answers, and keeps those back that say nothing new.
#[derive(Debug)]
struct Teller {
    wires: Wires,
    run: RunId,
    told: Option<(Instant, bool, String)>,
}

impl Teller {
    fn new(wires: Wires, run: RunId) -> Self {
        Self {
            wires,
            run,
            told: None,
        }
    }

    fn tell(&mut self, answer: ProbeAnswer, calm: bool) {
        let repeats = self.told.as_ref().is_some_and(|(at, healthy, said)| {
            *healthy == answer.healthy && *said == answer.said && at.elapsed() < TOLD_AGAIN
        });
        if repeats && !calm {
            return;
        }
        self.told = Some((Instant::now(), answer.healthy, answer.said.clone()));
        let run = self.run;
        self.wires.tell(Event::Probed { run, answer });
    }
}

#[cfg(test)]
mod tests;
