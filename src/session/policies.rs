//! What is done with the requests for each service, told to every relay of the session.

use std::sync::Arc;

use super::world::RealWorld;
use crate::engine::Event;
use crate::proxy::Policy;
use crate::stack::{Callers, Fault, Runtime, Service, ServiceName};

impl RealWorld {
    /// Tells the relays what the stack file, and the faults of this moment, say of requests for this service.
    pub(super) fn set_policy(&self, service: &Service, redact: &Arc<[String]>) {
        let policy = Policy {
            trace: service.trace,
            redact: Arc::clone(redact),
            hold: Some(service.hold),
            faults: self.faults.get(&service.name).cloned().unwrap_or_default(),
        };
        self.between.describe(service, policy.clone());
        self.routes.set_policy(&service.name, policy);
    }

    /// From now on these faults, and no others, are done to requests for this service.
    pub(super) fn set_faults(&mut self, service: &ServiceName, faults: Vec<Fault>) {
        let stack = Arc::clone(&self.stack);
        if faults.is_empty() {
            self.faults.remove(service);
        } else {
            if let Some(service) = stack.service(service) {
                self.tell_unseen(service, &faults);
            }
            self.faults.insert(service.clone(), faults.into());
        }
        if let Some(service) = stack.service(service) {
            self.set_policy(service, &stack.redact.clone().into());
        }
    }

    /// Says which of these faults can have no effect, because the requests pass no relay.
    fn tell_unseen(&self, service: &Service, faults: &[Fault]) {
        let is_container =
            |name: &ServiceName| self.runtimes.get(name) == Some(&Runtime::Container);
        if self.between.is_wanted(service) || !is_container(&service.name) {
            return;
        }
        for fault in faults {
            if let Callers::Service(from) = &fault.from
                && is_container(from)
            {
                let name = &service.name;
                self.wires.tell(Event::Problem {
                    what: format!(
                        "the fault for requests from {from} to {name} has no effect: its name is not left to a relay"
                    ),
                    remedy: "set `trace = true`, or use `--runtime process`".into(),
                });
            }
        }
    }
}
