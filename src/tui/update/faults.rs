//! Faults by hand: what is to be done on purpose to the requests of an edge or a service.

use super::{Known, Wish, typing};
use crate::engine::Command;
use crate::stack::{Callers, Fault, ServiceName};
use crate::tui::fault_line;
use crate::tui::layout::Pane;
use crate::tui::prompt::Line;
use crate::tui::ui::{Asked, Ui};

/// Asks for the faults of the request that is chosen in the open trace, else of the chosen service. What is done to it
/// already stands there to be mended.
pub(super) fn ask(ui: &mut Ui, known: Known<'_>) {
    let of_trace = ui.traces.open().filter(|_| ui.focus == Pane::Traces);
    let row = of_trace.and_then(|open| open.row());
    let (service, from) = match row.and_then(|row| row.what.exchange()) {
        Some(exchange) => {
            let from = match &exchange.caller {
                Some(caller) => Callers::Service(caller.clone()),
                None => Callers::FrontDoor,
            };
            (exchange.callee.clone(), from)
        }
        None => match ui.service(known.state) {
            Some(service) => (service.service.name.clone(), Callers::Anybody),
            None => return,
        },
    };
    let in_force = known.state.faults.of(&service);
    let same = in_force.iter().find(|fault| fault.from == from);
    let of_file = in_force.first().filter(|_| from == Callers::Anybody);
    let empty = Fault {
        from,
        ..Fault::default()
    };
    let line = fault_line::line(same.or(of_file).unwrap_or(&empty));
    // Room for what comes next.
    let line = if line.is_empty() { line } else { line + " " };
    typing::ask(ui, Asked::Faults { service }, line.clone(), Line::of(&line));
}

/// What a line says, or what is wrong with it.
pub(super) fn read(known: Known<'_>, line: &str) -> Result<Fault, String> {
    fault_line::parse(line, &|name| known.state.services.contains_key(name))
}

/// Asks the engine for what was typed. An empty line ends all that is done to the service, a line with callers alone what is
/// done to their requests.
pub(super) fn keep(known: Known<'_>, service: &ServiceName, line: &str) -> Option<Wish> {
    let fault = read(known, line).ok()?;
    let service = service.clone();
    let command = if line.trim().is_empty() {
        Command::ClearFaults {
            service,
            from: None,
        }
    } else if fault.is_none() {
        Command::ClearFaults {
            service,
            from: Some(fault.from),
        }
    } else {
        Command::SetFault { service, fault }
    };
    Some(Wish::Command(command))
}
