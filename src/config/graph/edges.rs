//! What the drawings of the graph have in common: its arrows, and what is said of a service.

use crate::stack::{Condition, PortMapping, Service, ServiceName, Stack};

/// One arrow: `from` needs `to` or, without a condition, only calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge<'s> {
    pub(super) from: &'s ServiceName,
    pub(super) to: &'s ServiceName,
    /// What `to` must have reached before `from` starts; `None`: `from` calls it and does not wait.
    pub(super) condition: Option<Condition>,
}

/// Every arrow, in the order of the file.
pub(super) fn edges(stack: &Stack) -> Vec<Edge<'_>> {
    stack
        .services
        .values()
        .flat_map(|service| edges_from(stack, service))
        .collect()
}

/// The arrows of one service: what it waits for, then what it only calls.
pub(super) fn edges_from<'s>(stack: &'s Stack, service: &'s Service) -> Vec<Edge<'s>> {
    let waits = service.depends_on.iter().map(|(to, condition)| Edge {
        from: &service.name,
        to,
        condition: Some(*condition),
    });
    let mut found: Vec<Edge<'s>> = waits.collect();
    for to in service.callees() {
        if found.iter().all(|edge| edge.to != to) {
            found.push(Edge {
                from: &service.name,
                to,
                condition: None,
            });
        }
    }
    found.retain(|edge| stack.services.contains_key(edge.to));
    found
}

/// The word on an arrow.
pub(super) fn word(condition: Option<Condition>) -> &'static str {
    match condition {
        Some(Condition::Started) => "started",
        Some(Condition::Ready) => "ready",
        Some(Condition::Completed) => "completed",
        None => "calls",
    }
}

/// What a service is, in a word or two.
pub(super) fn kind(stack: &Stack, service: &Service) -> String {
    let what = match (&service.build, &service.image) {
        (Some(_), _) => "build".to_owned(),
        (None, Some(image)) => image.clone(),
        (None, None) => "process".to_owned(),
    };
    if stack.is_job(&service.name) {
        format!("{what}, job")
    } else {
        what
    }
}

/// The front doors of a service, such as `:8080`.
pub(super) fn doors(service: &Service) -> Vec<String> {
    let door = |port: &PortMapping| Some(format!(":{}", port.host?));
    service.ports.iter().filter_map(door).collect()
}
