//! Which faults are in force: those of the stack file, those set by hand, and those of the smoke check that is being tried.

use indexmap::IndexMap;

use super::turn::Turn;
use super::{CheckProgress, CheckState, Effect, Goal, Notice, State, Wanted};
use crate::stack::{Callers, Fault, ServiceFault, ServiceName};

/// What is done to requests on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// What was asked for by hand, in place of what the stack file says for the same callers.
    by_hand: Vec<ByHand>,
    /// What the world was told; services without any are left out.
    told: InForce,
}

type InForce = IndexMap<ServiceName, Vec<Fault>>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct ByHand {
    service: ServiceName,
    from: Callers,
    /// `None`: nothing.
    fault: Option<Fault>,
}

impl FromIterator<(ServiceName, Vec<Fault>)> for Faults {
    /// Just these are in force.
    fn from_iter<I: IntoIterator<Item = (ServiceName, Vec<Fault>)>>(faults: I) -> Self {
        Self {
            by_hand: Vec::new(),
            told: faults.into_iter().collect(),
        }
    }
}

impl Faults {
    /// What is done to requests for this service.
    pub fn of(&self, service: &ServiceName) -> &[Fault] {
        self.told.get(service).map_or(&[], Vec::as_slice)
    }

    /// The services to whose requests anything is done, and what.
    pub fn in_force(&self) -> impl ExactSizeIterator<Item = (&ServiceName, &[Fault])> {
        let all = self.told.iter();
        all.map(|(service, faults)| (service, faults.as_slice()))
    }

    /// The stack file says something new for this service, and what was asked for by hand before is over.
    pub(super) fn forget(&mut self, service: &ServiceName) {
        self.by_hand.retain(|known| known.service != *service);
    }

    /// What is asked for by hand for requests of these callers, if anything is.
    fn asked(&self, service: &ServiceName, from: &Callers) -> Option<&ByHand> {
        let mut all = self.by_hand.iter();
        all.find(|known| known.service == *service && known.from == *from)
    }

    fn ask(&mut self, service: &ServiceName, from: Callers, fault: Option<Fault>) {
        self.by_hand
            .retain(|known| known.service != *service || known.from != from);
        self.by_hand.push(ByHand {
            service: service.clone(),
            from,
            fault,
        });
    }
}

/// Somebody asks for this fault.
pub(super) fn set(state: &mut State, service: &ServiceName, fault: Fault) {
    if state.is_running() && state.services.contains_key(service) {
        let from = fault.from.clone();
        let fault = Some(fault).filter(|fault| !fault.is_none());
        state.faults.ask(service, from, fault);
    }
}

/// Somebody asks for none of these callers; of `None`, for none at all.
pub(super) fn clear(state: &mut State, service: &ServiceName, from: Option<Callers>) {
    if !state.is_running() {
        return;
    }
    let in_force = state.faults.of(service).iter();
    let callers = match from {
        Some(from) => vec![from],
        None => in_force.map(|fault| fault.from.clone()).collect(),
    };
    for from in callers {
        state.faults.ask(service, from, None);
    }
}

/// Whether the world does what it should.
pub(super) fn are_told(state: &State) -> bool {
    wanted(state) == state.faults.told
}

/// Tells the world, and people, what is different now.
pub(super) fn tell(state: &mut State, turn: &mut Turn) {
    let wanted = wanted(state);
    let before = std::mem::replace(&mut state.faults.told, wanted);
    let now = &state.faults.told;
    for service in before.keys().filter(|name| !now.contains_key(*name)) {
        turn.ask(Effect::SetFaults {
            service: service.clone(),
            faults: Vec::new(),
        });
        turn.tell(Notice::FaultsCleared {
            service: service.clone(),
        });
    }
    for (service, faults) in now {
        if before.get(service) != Some(faults) {
            turn.ask(Effect::SetFaults {
                service: service.clone(),
                faults: faults.clone(),
            });
            turn.tell(Notice::FaultsSet {
                service: service.clone(),
                faults: faults.iter().map(ToString::to_string).collect(),
            });
        }
    }
}

/// What should be in force. Nothing once the session is being ended.
fn wanted(state: &State) -> InForce {
    let mut wanted = InForce::new();
    if !state.is_running() {
        return wanted;
    }
    for (name, service) in &state.services {
        if service.wanted == Wanted::Removed {
            continue;
        }
        let of_file = service.service.faults.iter();
        let of_file = of_file.filter(|fault| state.faults.asked(name, &fault.from).is_none());
        let by_hand = state.faults.by_hand.iter();
        let by_hand = by_hand.filter(|known| known.service == *name);
        let by_hand = by_hand.filter_map(|known| known.fault.as_ref());
        let of_check = faults_of_check(state).iter();
        let of_check = of_check
            .filter(|fault| fault.service == *name)
            .map(|fault| &fault.fault);
        let faults: Vec<Fault> = of_file.chain(by_hand).chain(of_check).cloned().collect();
        if !faults.is_empty() {
            wanted.insert(name.clone(), faults);
        }
    }
    wanted
}

/// The faults of the check that is being tried, also between two tries of it.
fn faults_of_check(state: &State) -> &[ServiceFault] {
    let Goal::Smoke(smoke) = &state.goal else {
        return &[];
    };
    let is_tried = |check: &&CheckState| {
        check.tries > 0 && !matches!(check.progress, CheckProgress::Done { .. })
    };
    let check = smoke.checks.iter().find(is_tried);
    check.map_or(&[], |check| &check.spec.faults)
}
