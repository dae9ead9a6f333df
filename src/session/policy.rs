//! What the relays do with the requests for each service: as the stack file says, and with the faults in force.

use std::sync::Arc;

use super::world::RealWorld;
use crate::engine::Event;
use crate::proxy::Policy;
use crate::stack::{Callers, Fault, Service, ServiceName};

impl RealWorld {
    /// Tells the relays of every service.
    pub(super) fn set_policies(&self) {
        let redact: Arc<[String]> = self.stack.redact.clone().into();
        for service in self.stack.services.values() {
            self.set_policy(service, &redact);
        }
    }

    /// From now on does this, and nothing else, to requests for a service.
    pub(super) fn set_faults(&mut self, service: &ServiceName, faults: Vec<Fault>) {
        if faults.is_empty() {
            self.faults.remove(service);
        } else {
            self.tell_unseen(service, &faults);
            self.faults.insert(service.clone(), faults.into());
        }
        if let Some(service) = self.stack.service(service) {
            self.set_policy(service, &self.stack.redact.clone().into());
        }
    }

    fn set_policy(&self, service: &Service, redact: &Arc<[String]>) {
        let faults = self.faults.get(&service.name).cloned();
        let policy = Policy {
            trace: service.trace,
            redact: Arc::clone(redact),
            hold: Some(service.hold),
            faults: faults.unwrap_or_default(),
        };
        self.between.describe(service, policy.clone());
        self.routes.set_policy(&service.name, policy);
    }

    /// Says which of these faults may have no effect: what goes from container to container passes a relay only where one has
    /// the callee's name.
    fn tell_unseen(&self, service: &ServiceName, faults: &[Fault]) {
        let is_container = |name: &ServiceName| {
            let service = self.stack.service(name);
            service.is_some_and(Service::has_image)
        };
        let is_traced = self.stack.service(service).is_some_and(|it| it.trace);
        for fault in faults.iter().filter(|_| !is_traced) {
            if let Callers::Service(from) = &fault.from
                && is_container(from)
                && is_container(service)
            {
                self.wires.tell(Event::Problem {
                    what: format!(
                        "the fault for requests from {from} to {service} has no effect while both are containers: with \
                         `trace = false` no relay is between them"
                    ),
                    remedy: "leave out `trace = false`, or run as processes (`--runtime process`)".into(),
                });
            }
        }
    }
}
