//! `boatyard down`: removes every container, network and process that a stack left.

use super::opening::{identity, refuse};
use super::{Failure, inspect, isolation, runtime};
use crate::adapters::container::{Surroundings, Swept, find, sweep};
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
            Ok(engine) => Ok(Some(sweep(&engine, &identity, None, down.volumes).await?)),
            // Without an engine there are no containers to be removed; only who asked for volumes must know.
            Err(_) => Ok(None),
        }
    });
    drop(lock);
    let swept = found.map_err(|why: String| Failure::Failed(format!("error: {why}")))?;
    match swept {
        Some(swept) => lines.extend(removed(&swept)),
        None => lines.push(
            "no container engine answers: containers, networks and volumes were not looked for"
                .into(),
        ),
    }
    if lines.is_empty() {
        lines.push(format!("nothing of {} was left", stack.name));
    }
    report::print(&format!("{}\n", lines.join("\n")));
    Ok(0)
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
