//! Keys of the trace pane: the list, the trace that is open, comparisons, the map; and jumps between traces and logs.

use super::{Known, log_source, moved};
use crate::telemetry::{Direction, Link, Telemetry, TraceOfLine};
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::open_trace::OpenTrace;
use crate::tui::pane::header::WINDOW;
use crate::tui::service_map::layers;
use crate::tui::trace_view::{Chosen, Marked, Opened, first_shown};
use crate::tui::ui::{Ui, Zoom};

/// Goes down (or up, if negative) in whatever the pane shows.
pub(super) fn go(ui: &mut Ui, known: Known<'_>, by: isize) {
    match &mut ui.traces.opened {
        Opened::List => ui.traces.go(known.telemetry, by),
        Opened::Trace(open) => open.go(by),
        Opened::Compare(comparison) => comparison.go(by),
        Opened::Map => go_on_map(ui, known, by),
    }
}

/// Chooses the service that stands so many further on the map.
fn go_on_map(ui: &mut Ui, known: Known<'_>, by: isize) {
    let now = known.clock.timestamp(known.clock.now());
    let seen = known.telemetry.exchanges().edges(WINDOW, now);
    let layers = layers(&known.state.stack, seen);
    let nodes = layers.iter().flatten();
    // Who calls and is no longer in the stack file stands on the map, and cannot be chosen.
    let places = nodes.filter_map(|node| known.state.services.get_index_of(&node.name));
    let places: Vec<usize> = places.collect();
    let here = places
        .iter()
        .position(|place| *place == ui.index(known.state));
    if let Some(place) = places.get(moved(here.unwrap_or(0), by, places.len())) {
        ui.choose(known.state, *place);
    }
}

/// Opens what is chosen: a trace, the details of a request, the logs of a service of the map.
pub(super) fn open(ui: &mut Ui, telemetry: &Telemetry) {
    match &mut ui.traces.opened {
        Opened::List => {
            if let Some(trace) = ui.traces.current() {
                ui.traces.choose(trace);
                ui.leave_for(Opened::Trace(Box::new(OpenTrace::new(trace))));
            }
        }
        Opened::Trace(open) => open.details = Some(open.details.unwrap_or(0)),
        Opened::Compare(comparison) => {
            let trace = comparison.right;
            ui.leave_for(Opened::Trace(Box::new(OpenTrace::new(trace))));
        }
        Opened::Map => {
            ui.leave();
            ui.show(Pane::Logs);
        }
    }
    if let Some(open) = ui.traces.open_mut() {
        open.refresh(telemetry);
    }
}

/// Closes what was opened within the pane; whether there was something.
pub(super) fn back(ui: &mut Ui) -> bool {
    if ui.focus != Pane::Traces {
        return false;
    }
    match &mut ui.traces.opened {
        Opened::Trace(open) if open.details.is_some() => open.details = None,
        Opened::Trace(open) if open.searched.is_some() => open.searched = None,
        _ => return false,
    }
    true
}

/// The list again, for whom nothing leads back; the newest of it, for whom it is there already. Whether there was such a step.
pub(super) fn to_list(ui: &mut Ui) -> bool {
    if ui.focus != Pane::Traces {
        return false;
    }
    match &ui.traces.opened {
        Opened::List if ui.traces.chosen != Chosen::Newest && ui.zoom == Zoom::Overview => {
            ui.traces.follow();
        }
        Opened::List => return false,
        Opened::Trace(_) | Opened::Compare(_) | Opened::Map => ui.traces.opened = Opened::List,
    }
    true
}

/// Shows the map of services, which wants all the room there is.
pub(super) fn map(ui: &mut Ui) {
    let is_there = matches!(ui.traces.opened, Opened::Map);
    match (is_there, ui.focus) {
        (true, Pane::Traces) => {}
        (true, _) => {
            ui.leave();
            ui.show_alone(Pane::Traces);
        }
        (false, _) => {
            ui.leave_for(Opened::Map);
            ui.show_alone(Pane::Traces);
        }
    }
}

/// The list again, if the map is shown.
pub(super) fn close_map(ui: &mut Ui) {
    if matches!(ui.traces.opened, Opened::Map) {
        ui.traces.opened = Opened::List;
        ui.stay();
    }
}

/// Does what a key of the pane asks for.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) {
    match action {
        Action::MarkOrCompare => match ui.traces.mark_or_compare() {
            Marked::Said(said) => ui.said = Some(said.into()),
            Marked::Compare(mut comparison) => {
                comparison.refresh(known.telemetry);
                ui.leave_for(Opened::Compare(*comparison));
            }
        },
        Action::Probes => ui.said = Some(ui.traces.toggle_probes()),
        Action::ToLogs => to_logs(ui, known),
        action => {
            let Some(open) = ui.traces.open_mut() else {
                return;
            };
            match action {
                Action::Fold => open.fold(),
                Action::Unfold => open.unfold(),
                Action::FoldAll => open.fold_all(true),
                Action::UnfoldAll => open.fold_all(false),
                Action::Lines => open.toggle_lines(known.telemetry),
                Action::BeforeAndAfter => {
                    open.with_change = !open.with_change;
                    open.change = None;
                }
                _ => {}
            }
        }
    }
}

/// Goes to the next hit of the search in the trace.
pub(super) fn hit(ui: &mut Ui, direction: Direction) {
    let Some(open) = ui.traces.open_mut() else {
        return;
    };
    let said = if open.searched.is_none() {
        "nothing is searched for; / begins"
    } else if open.go_to_hit(direction) {
        return;
    } else {
        "no part of the trace has it"
    };
    ui.said = Some(said.into());
}

/// From a log line to its trace.
pub(super) fn from_line(ui: &mut Ui, known: Known<'_>) {
    let services = ui.logs.services(ui.chosen.as_ref());
    let Some(line) = ui.logs.current(log_source(known, &services)) else {
        return;
    };
    let Some(found) = known.telemetry.trace_of_line(&line) else {
        let name = &line.line.service;
        ui.said = Some(format!(
            "the line carries no id of a trace, and no request of {name} was under way then"
        ));
        return;
    };
    let TraceOfLine { trace, span, link } = found;
    ui.traces.choose(trace);
    let mut open = OpenTrace::at_part(trace, span);
    open.refresh(known.telemetry);
    ui.leave_for(Opened::Trace(Box::new(open)));
    ui.said = Some(match link {
        Link::Carried => "found by the trace id that the line carries".into(),
        Link::Written => "found by the trace id that stands in the line".into(),
        Link::Time(1) => "found by time: the only request under way there".into(),
        Link::Time(count) => {
            format!("found by time: the latest of {count} requests under way there")
        }
    });
}

/// From a part of a trace to the first line that its service said meanwhile.
fn to_logs(ui: &mut Ui, known: Known<'_>) {
    let Some(what) = ui.traces.open().and_then(OpenTrace::row) else {
        return;
    };
    let what = what.what.clone();
    let name = what.service();
    let Some((line, by_id)) = known.telemetry.first_line_of(&what) else {
        ui.said = Some(format!("{name} said nothing meanwhile"));
        return;
    };
    ui.leave();
    if let Some(at) = known.state.services.get_index_of(name) {
        ui.choose_there(known.state, at);
    }
    ui.show(Pane::Logs);
    let services = ui.logs.services(ui.chosen.as_ref());
    let rows = ui.rows(Pane::Logs);
    let source = log_source(known, &services);
    ui.logs.point_at(source, &line, rows / 2);
    ui.said = Some(if by_id {
        "the first line with the id of this trace".into()
    } else {
        format!("the first line of {name} in that time: it carries no id")
    });
}

/// Chooses what a click in this line of the pane is on.
pub(super) fn click(ui: &mut Ui, line: usize) {
    let rows = ui.rows(Pane::Traces);
    match &mut ui.traces.opened {
        Opened::List => {
            let listed = ui.traces.listed();
            let first = first_shown(ui.traces.index(), rows, listed.len());
            if let Some(trace) = listed.get(first + line).map(|trace| trace.trace) {
                ui.traces.choose(trace);
            }
        }
        Opened::Trace(open) if open.details.is_none() => {
            let items = open.items.len();
            let shown = rows.saturating_mul(3) / 5;
            let shown = shown.max(3).min(items + 1).saturating_sub(1);
            let first = first_shown(open.at, shown, items);
            if let Some(row) = line.checked_sub(1).filter(|row| *row < shown) {
                open.at = (first + row).min(items.saturating_sub(1));
            }
        }
        Opened::Trace(_) | Opened::Compare(_) | Opened::Map => {}
    }
}
