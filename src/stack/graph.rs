//! The graph of `depends_on`.

use std::collections::{BTreeMap, BTreeSet};

use super::{ServiceName, Stack};

/// A path of services each of which depends on the next, ending where it began.
pub type Cycle = Vec<ServiceName>;

/// Who depends on whom. Names that the stack does not have are left out.
#[derive(Debug)]
pub struct Graph<'a> {
    dependencies: BTreeMap<&'a ServiceName, BTreeSet<&'a ServiceName>>,
}

impl<'a> Graph<'a> {
    /// The graph of this stack.
    pub fn of(stack: &'a Stack) -> Self {
        let dependencies = stack
            .services
            .iter()
            .map(|(name, service)| {
                let known = service
                    .depends_on
                    .keys()
                    .filter(|other| stack.services.contains_key(*other));
                (name, known.collect())
            })
            .collect();
        Self { dependencies }
    }

    /// What this service waits for, directly.
    pub fn dependencies(&self, name: &ServiceName) -> impl Iterator<Item = &'a ServiceName> + '_ {
        self.dependencies.get(name).into_iter().flatten().copied()
    }

    /// Who waits for this service, directly.
    pub fn dependents<'s>(
        &'s self,
        name: &'s ServiceName,
    ) -> impl Iterator<Item = &'a ServiceName> + 's {
        self.dependencies
            .iter()
            .filter(move |(_, needs)| needs.contains(name))
            .map(|(dependent, _)| *dependent)
    }

    /// These services and all they need, transitively.
    pub fn with_dependencies(&self, wanted: &[ServiceName]) -> BTreeSet<ServiceName> {
        let mut found: BTreeSet<ServiceName> = wanted.iter().cloned().collect();
        let mut open: Vec<ServiceName> = wanted.to_vec();
        while let Some(name) = open.pop() {
            for needed in self.dependencies(&name) {
                if found.insert(needed.clone()) {
                    open.push(needed.clone());
                }
            }
        }
        found
    }

    /// The services in layers: each depends only on services of earlier layers. Members of a cycle come last.
    pub fn layers(&self) -> Vec<Vec<&'a ServiceName>> {
        let mut layers = Vec::new();
        let mut placed: BTreeSet<&ServiceName> = BTreeSet::new();
        let mut open: Vec<&'a ServiceName> = self.dependencies.keys().copied().collect();
        while !open.is_empty() {
            let (mut layer, rest): (Vec<_>, Vec<_>) = open.iter().partition(|name| {
                self.dependencies(name)
                    .all(|needed| placed.contains(needed))
            });
            if layer.is_empty() {
                layer.clone_from(&rest);
                open.clear();
            } else {
                open = rest;
            }
            placed.extend(&layer);
            layers.push(layer);
        }
        layers
    }

    /// Every cycle that a depth-first walk closes, each once.
    pub fn cycles(&self) -> Vec<Cycle> {
        let mut cycles = Vec::new();
        let mut done = BTreeSet::new();
        for start in self.dependencies.keys() {
            self.walk(start, &mut Vec::new(), &mut done, &mut cycles);
        }
        cycles
    }

    fn walk(
        &self,
        name: &'a ServiceName,
        path: &mut Vec<&'a ServiceName>,
        done: &mut BTreeSet<&'a ServiceName>,
        cycles: &mut Vec<Cycle>,
    ) {
        if let Some(start) = path.iter().position(|other| *other == name) {
            let mut cycle: Cycle = path[start..].iter().copied().cloned().collect();
            cycle.push(name.clone());
            cycles.push(cycle);
            return;
        }
        if done.contains(name) {
            return;
        }
        path.push(name);
        for needed in self.dependencies(name) {
            self.walk(needed, path, done, cycles);
        }
        path.pop();
        done.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{Condition, Service};

    fn stack(edges: &[(&str, &[&str])]) -> Stack {
        let mut stack = Stack::default();
        for (name, needs) in edges {
            let mut service = Service::named(*name);
            service.depends_on = needs
                .iter()
                .map(|need| (ServiceName::from(*need), Condition::Ready))
                .collect();
            stack.services.insert(service.name.clone(), service);
        }
        stack
    }

    #[test]
    fn layers_put_what_is_needed_first() {
        let stack = stack(&[("web", &["orders", "db"]), ("orders", &["db"]), ("db", &[])]);
        let layers: Vec<Vec<String>> = stack
            .graph()
            .layers()
            .iter()
            .map(|layer| layer.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(layers, [["db"], ["orders"], ["web"]]);
    }

    #[test]
    fn a_cycle_is_found_once_and_named_in_order() {
        let stack = stack(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        let cycles = stack.graph().cycles();
        assert_eq!(cycles.len(), 1);
        let names: Vec<&str> = cycles[0].iter().map(ServiceName::as_str).collect();
        assert_eq!(names, ["a", "b", "c", "a"]);
        assert_eq!(stack.graph().layers().concat().len(), 4);
    }

    #[test]
    fn naming_a_service_keeps_what_it_needs() {
        let mut stack = stack(&[
            ("web", &["orders"]),
            ("orders", &["db"]),
            ("db", &[]),
            ("other", &[]),
        ]);
        stack.keep_only(&["orders".into()]);
        let names: Vec<&str> = stack.services.keys().map(ServiceName::as_str).collect();
        assert_eq!(names, ["orders", "db"]);
    }
}
