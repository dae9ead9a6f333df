//! Health probes: asked fast at start, calmly later.

mod grpc;
mod log_line;
mod question;
mod schedule;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use self::question::{Asked, Question};
use self::schedule::Schedule;
use super::ask::{REFUSED, time_words};
use super::{Exec, Wires};
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
    /// known. A service without a probe is not asked. A run that is asked already is asked anew.
    pub fn start(
        &mut self,
        run: RunId,
        service: &Service,
        address: impl Fn(Option<u16>) -> Option<SocketAddr> + Send + Sync + 'static,
        exec: Exec,
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
            let lane = Arc::clone(&self.lane);
            tokio::spawn(follow(teller, question, health, pace, lane))
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

/// Asks and waits, again and again.
async fn follow(
    mut teller: Teller,
    question: Question,
    health: Health,
    mut pace: watch::Receiver<bool>,
    lane: Arc<Mutex<()>>,
) {
    let mut schedule = Schedule::new(&health);
    let is_costly = matches!(health.probe, Probe::Exec(_));
    loop {
        let calm = *pace.borrow_and_update();
        let turn = if is_costly && calm {
            tokio::select! {
                turn = Arc::clone(&lane).lock_owned() => Some(turn),
                // It is in a hurry now.
                changed = pace.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
        } else {
            None
        };
        let asking = turn.map(rest_after);
        let answer = answer(&question, &health, calm).await;
        drop(asking);
        let unheard = answer.said == REFUSED;
        teller.tell(answer, calm);
        let mut delay = schedule.next(*pace.borrow_and_update(), unheard);
        loop {
            tokio::select! {
                () = sleep(delay) => break,
                changed = pace.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    schedule.restart();
                    delay = if *pace.borrow_and_update() { health.interval } else { Duration::ZERO };
                }
            }
        }
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
