//! Keys of the panes that have the whole screen, and where these lead.

use super::{Known, Wish, log_source, moved, timeline};
use crate::engine::BuildState;
use crate::stack::ServiceName;
use crate::telemetry::TraceId;
use crate::text;
use crate::tui::goal::Goal;
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::log_view::Scope;
use crate::tui::open_trace::OpenTrace;
use crate::tui::trace_view::Opened;
use crate::tui::ui::{Mode, Ui};

/// Rows of the logs that are shown from the line on to which a jump led: what came before it stands above.
const BELOW: usize = 9;

/// What such a pane did about a key.
pub(super) enum Answer {
    /// Nothing: the key is not its own.
    None,
    /// All that there was to do, and what only others can.
    Done(Option<Wish>),
}

/// Does what a key of such a pane asks for, if it is the pane's own.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) -> Answer {
    match (&ui.mode, ui.focus) {
        (Mode::Panes, Pane::Timeline) => timeline::act(ui, known, action),
        (Mode::Panes, Pane::Notices) => of_notices(ui, known, action),
        _ => Answer::None,
    }
}

fn of_notices(ui: &mut Ui, known: Known<'_>, action: Action) -> Answer {
    match action {
        Action::Top => ui.notices.go_to(0, ui.rows(Pane::Notices)),
        Action::Bottom => ui.notices.go_to(usize::MAX - 1, 1),
        Action::Turn => ui.notices.turn(),
        Action::Problems => {
            const PROBLEMS: &str = "level>=warn";
            let is_on = ui.notices.filtered() == PROBLEMS;
            let wrong = ui.notices.set_filter(if is_on { "" } else { PROBLEMS });
            ui.said = wrong.err();
        }
        Action::Open => {
            let goal = ui.notices.current().map(|entry| entry.goal.clone());
            go_to(ui, known, goal);
        }
        Action::Copy => {
            let Some(entry) = ui.notices.current() else {
                return Answer::Done(None);
            };
            let lines: Vec<&str> = [&entry.text]
                .into_iter()
                .chain(&entry.more)
                .map(String::as_str)
                .collect();
            let lines = lines.join("\n");
            let copied = text::cut(&lines, super::logs::MOST_COPIED).to_owned();
            let said = text::plain(entry.text.as_bytes());
            ui.said = Some(format!("copied: {}", text::truncate(&said, 200, "…")));
            return Answer::Done(Some(Wish::Copy(copied)));
        }
        _ => return Answer::None,
    }
    Answer::Done(None)
}

/// Goes down (or up, if negative) in such a pane.
pub(super) fn go(ui: &mut Ui, known: Known<'_>, pane: Pane, by: isize) {
    if pane == Pane::Notices {
        ui.notices.go(by, ui.rows(Pane::Notices));
    } else {
        let at = moved(ui.index(known.state), by, known.state.services.len());
        ui.choose(known.state, at);
    }
}

/// Goes to where something leads, from where `esc` returns.
pub(super) fn go_to(ui: &mut Ui, known: Known<'_>, goal: Option<Goal>) {
    let Some(goal) = goal else {
        ui.said = Some("there is nothing here to go to".into());
        return;
    };
    if goal == Goal::Nowhere {
        ui.said = Some("all that is known of it stands here".into());
        return;
    }
    if let Goal::Trace(trace) = goal {
        return open_trace(ui, known, trace);
    }
    ui.leave();
    match goal {
        Goal::Build { service, build } => {
            choose(ui, known, &service);
            ui.show(Pane::Build);
            let newest = ui.service(known.state).and_then(newest_build);
            if newest.is_some_and(|newest| newest != build) {
                ui.said = Some(format!("build {build} is not the newest of {service}"));
            }
        }
        Goal::Changes(service) => {
            choose(ui, known, &service);
            ui.show(Pane::Build);
        }
        Goal::Health(service) => {
            choose(ui, known, &service);
            ui.show(Pane::Health);
        }
        Goal::Service(service) => {
            choose(ui, known, &service);
            ui.show(Pane::Services);
        }
        Goal::Logs { service, at } => {
            choose(ui, known, &service);
            ui.show(Pane::Logs);
            if ui.logs.scope == Scope::Merged && !ui.logs.marked.is_empty() {
                ui.logs.scope = Scope::Chosen;
            }
            let services = ui.logs.services(ui.chosen.as_ref());
            let at = known.clock.timestamp(at);
            let source = log_source(known, &services);
            ui.logs.go_to_time(source, at, BELOW);
        }
        Goal::Trace(_) | Goal::Nowhere => {}
    }
}

fn choose(ui: &mut Ui, known: Known<'_>, service: &ServiceName) {
    match known.state.services.get_index_of(service) {
        Some(at) => ui.choose_there(known.state, at),
        None => ui.said = Some(format!("{service} is no longer in the stack")),
    }
}

fn open_trace(ui: &mut Ui, known: Known<'_>, trace: TraceId) {
    ui.traces.choose(trace);
    let mut open = OpenTrace::new(trace);
    open.refresh(known.telemetry);
    ui.leave_for(Opened::Trace(Box::new(open)));
}

fn newest_build(service: &crate::engine::ServiceState) -> Option<crate::engine::BuildId> {
    match &service.build {
        BuildState::Building { build, .. }
        | BuildState::Built { build, .. }
        | BuildState::Failed { build, .. } => Some(*build),
        BuildState::NotNeeded | BuildState::Wanted => None,
    }
}
