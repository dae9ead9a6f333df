//! Front doors that want the same port of this machine.

use crate::stack::PortMapping;

use super::problem::{Place, Problem, quoted};

/// One front door.
#[derive(Debug, Clone)]
pub(super) struct Door<'a> {
    /// Whose it is.
    pub(super) service: &'a str,
    /// What it says.
    pub(super) port: &'a PortMapping,
    /// Where it stands, if that is known.
    pub(super) place: Option<Place>,
}

/// An error for each front door whose port one before it has already. Doors at any free port, or at any of several, are in
/// nobody's way.
pub(super) fn shared<'a>(doors: impl IntoIterator<Item = Door<'a>>) -> Vec<Problem> {
    let mut taken: Vec<Door<'_>> = Vec::new();
    let mut problems = Vec::new();
    let fixed = doors.into_iter().filter(|door| door.port.further == 0);
    for door in fixed {
        let Some(number) = door.port.host else {
            continue;
        };
        match taken.iter().find(|other| collide(door.port, other.port)) {
            Some(first) => problems.push(problem(number, first, &door)),
            None => taken.push(door),
        }
    }
    problems
}

fn problem(number: u16, first: &Door<'_>, second: &Door<'_>) -> Problem {
    let whose = if first.service == second.service {
        format!("twice by service {}", quoted(second.service))
    } else {
        let (one, other) = (quoted(first.service), quoted(second.service));
        format!("by the services {one} and {other}")
    };
    let message = format!("port {number} of this machine is used {whose}");
    let mut problem = Problem::error(second.place.clone(), message);
    problem.label("used again here");
    if let Some(place) = first.place.clone() {
        problem.also(place, "first used here");
    }
    problem.help("give one of them another port before the colon");
    problem
}

fn collide(one: &PortMapping, other: &PortMapping) -> bool {
    let same_address = one.address == other.address
        || one.address.is_unspecified()
        || other.address.is_unspecified();
    one.host == other.host && one.protocol == other.protocol && same_address
}
