//! `boatyard down`: removes every container, network and process that a stack left.

use super::opening::{identity, refuse};
use super::{Failure, inspect, isolation, runtime};
use crate::adapters::container::{Surroundings, Swept, find, sweep, volumes_of};
use crate::adapters::state::{self, SessionLock};
use crate::cli::{Down, Global};
use crate::report;

/// Removes what is left, and its named volumes too when asked.
pub(super) fn down(global: &Global, down: &Down) -> Result<u8, Failure> {
    let (mut stack, _) = inspect::stack(global)?;
    isolation::apply(&mut stack, down.copy.isolated.as_deref())?;
    let identity = identity(&stack);
    let lock = SessionLock::acquire(&identity).map_err(|refused| refuse(&refused))?;
    let mut lines = state::sweep(&identity);
    let found = runtime()?.block_on(async {
        match find(&Surroundings::of_this_process()).await {
            Ok(engine) => {
                let swept = sweep(&engine, &identity, None, down.volumes).await?;
                let kept = if down.volumes {
                    Vec::new()
                } else {
                    volumes_of(&engine, &identity).await?
                };
                Ok(Some((swept, kept)))
            }
            // Without an engine there are no containers to be removed; only who asked for volumes must know.
            Err(_) => Ok(None),
        }
    });
    drop(lock);
    let swept = found.map_err(|why: String| Failure::Failed(format!("error: {why}")))?;
    let mut left = Vec::new();
    let mut kept = Vec::new();
    match swept {
        Some((swept, volumes)) => {
            lines.extend(removed(&swept));
            (left, kept) = (swept.left, volumes);
        }
        None => lines.push(
            "no container engine answers: containers, networks and volumes were not looked for"
                .into(),
        ),
    }
    if lines.is_empty() && left.is_empty() {
        let words = if kept.is_empty() { "" } else { " but volumes" };
        lines.push(format!("nothing of {} was left{words}", stack.name));
    }
    if !kept.is_empty() {
        let names = kept.join(", ");
        lines.push(format!(
            "kept, with their data: {names}; `boatyard down --volumes` removes them"
        ));
    }
    report::print(&format!("{}\n", lines.join("\n")));
    if left.is_empty() {
        return Ok(0);
    }
    let left: Vec<String> = left.iter().map(|what| format!("error: {what}")).collect();
    Err(Failure::Failed(format!(
        "{}\nhelp: see what uses it, and try again",
        left.join("\n")
    )))
}

fn removed(swept: &Swept) -> Vec<String> {
    let kinds = [
        ("container", &swept.containers),
        ("network", &swept.networks),
        ("volume", &swept.volumes),
    ];
    let lines = kinds.iter().flat_map(|(kind, names)| {
        names
            .iter()
            .map(move |name| format!("removed {kind} {name}"))
    });
    lines.collect()
}
