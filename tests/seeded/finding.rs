//! Whoever watches, as far as files are looked for that images lack.

use boatyard::engine::{Event, SyncCopy};
use boatyard::stack::{Service, ServiceName, Stack};

use crate::truth::SaveKind;
use crate::world::{Planned, World};

impl World {
    /// Whoever watches looks for files once for each set of rules.
    pub(crate) fn look_for_files(&mut self, stack: &Stack) {
        let is_needy = |service: &&Service| service.build.is_none() && !service.watch.is_empty();
        for service in stack.services.values().filter(is_needy) {
            let rules = service.watch.clone();
            if self.looked.insert(service.name.clone(), rules) != Some(service.watch.clone()) {
                let after = self.rng.between(0, 300);
                self.plan(after, Planned::Find(service.name.clone()));
            }
        }
        let needs = |name: &ServiceName| stack.service(name).as_ref().is_some_and(is_needy);
        self.looked.retain(|name, _| needs(name));
    }

    /// What is found is what was synced so far, as the files are.
    pub(crate) fn find(&mut self, service: ServiceName) {
        let saves = self.truth.saves.get(&service).into_iter().flatten();
        let files = (1_u64..).zip(saves).filter_map(|(number, save)| {
            let SaveKind::Sync(then) = &save.kind else {
                return None;
            };
            let copy = SyncCopy::new(None, number.to_string());
            Some((copy, then.clone()))
        });
        let files = files.collect();
        self.truth.found.insert(service.clone());
        self.tell(Event::Found { service, files });
    }
}
