//! A line that is typed: what it is for, what stood there before, and what it does while it is typed and when it is kept.

use super::{Known, Wish, details, faults, inside, log_source, logs, named};
use crate::tui::details_view::Tab;
use crate::tui::layout::Pane;
use crate::tui::prompt::Line;
use crate::tui::time_of_day;
use crate::tui::ui::{Asked, Mode, Typing, Ui};

pub(super) fn search(ui: &mut Ui) {
    let in_trace = ui.focus == Pane::Traces && ui.traces.open().is_some();
    if in_trace {
        // A search begins anew.
        let searched = ui.traces.open().and_then(|open| open.searched.as_ref());
        let before = searched.map(|(text, _)| text.clone()).unwrap_or_default();
        ask(ui, Asked::TraceSearch, before, Line::default());
        return;
    }
    if ui.focus == Pane::Details && ui.details.tab == Tab::About {
        let before = std::mem::take(&mut ui.details.searched);
        ask(ui, Asked::DetailsSearch, before, Line::default());
        return;
    }
    let searching = ui.logs.searching.as_ref();
    let before = searching.map(|searching| searching.text.clone());
    ui.go_to(Pane::Logs);
    ask(
        ui,
        Asked::Search,
        before.unwrap_or_default(),
        Line::default(),
    );
}

pub(super) fn filter(ui: &mut Ui) {
    let (what, before) = if ui.focus == Pane::Notices {
        (Asked::NoticeFilter, ui.notices.filtered().to_owned())
    } else if ui.focus == Pane::Traces {
        (Asked::TraceFilter, ui.traces.filtered().to_owned())
    } else {
        ui.go_to(Pane::Logs);
        (Asked::LogFilter, ui.logs.shown.typed().to_owned())
    };
    // A filter is mended.
    let line = Line::of(&before);
    ask(ui, what, before, line);
}

/// Asks for a line.
pub(super) fn ask(ui: &mut Ui, what: Asked, before: String, line: Line) {
    ui.mode = Mode::Typing(Typing {
        line,
        what,
        before,
        wrong: None,
        past: None,
    });
}

/// Shows at once what a line that is being typed finds.
pub(super) fn typed(ui: &mut Ui, known: Known<'_>) {
    let Mode::Typing(typing) = &ui.mode else {
        return;
    };
    let (what, text) = (typing.what.clone(), typing.line.text().to_owned());
    let outcome = apply(ui, known, &what, &text);
    if let Mode::Typing(typing) = &mut ui.mode {
        typing.wrong = outcome.err();
    }
}

/// As it was before.
pub(super) fn cancel(ui: &mut Ui, known: Known<'_>, typing: &Typing) {
    // What stood there before was right once.
    drop(apply(ui, known, &typing.what, &typing.before));
}

/// Keeps the line if nothing is wrong with it.
pub(super) fn submit(ui: &mut Ui, known: Known<'_>, typing: Typing) -> Option<Wish> {
    if typing.wrong.is_some() {
        ui.mode = Mode::Typing(typing);
        return None;
    }
    named::remember(ui, known, &typing.what, typing.line.text());
    match &typing.what {
        Asked::LinesFile => logs::export(ui, known, typing.line.text()),
        Asked::Name { kind, text } => {
            named::give_name(ui, known, *kind, text, typing.line.text());
            None
        }
        Asked::Faults { service } => faults::keep(known, service, typing.line.text()),
        Asked::Command { service } => inside::run(ui, known, service.as_str(), typing.line.text()),
        Asked::Time => {
            go_to_time(ui, known, typing.line.text());
            None
        }
        Asked::Search
        | Asked::LogFilter
        | Asked::TraceFilter
        | Asked::NoticeFilter
        | Asked::TraceSearch
        | Asked::DetailsSearch => None,
    }
}

fn go_to_time(ui: &mut Ui, known: Known<'_>, typed: &str) {
    let now = known.clock.zoned(known.clock.now());
    let Ok(at) = time_of_day::read(typed, &now) else {
        return;
    };
    let services = ui.logs.services(ui.chosen.as_ref());
    let rows = ui.rows(Pane::Logs);
    ui.logs.go_to_time(log_source(known, &services), at, rows);
}

fn apply(ui: &mut Ui, known: Known<'_>, what: &Asked, text: &str) -> Result<(), String> {
    match what {
        Asked::Search => {
            let services = ui.logs.services(ui.chosen.as_ref());
            let rows = ui.rows(Pane::Logs);
            ui.logs.search(log_source(known, &services), text, rows)
        }
        Asked::LogFilter => ui.logs.set_filter(text),
        Asked::TraceFilter => ui.traces.set_filter(text),
        Asked::NoticeFilter => ui.notices.set_filter(text),
        Asked::TraceSearch => match ui.traces.open_mut() {
            Some(open) => open.search(text),
            None => Ok(()),
        },
        Asked::DetailsSearch => details::search(ui, known, text),
        // These are done when they are kept, not while they are typed.
        Asked::Time if text.is_empty() => Ok(()),
        Asked::Time => time_of_day::read(text, &known.clock.zoned(known.clock.now())).map(drop),
        Asked::Command { .. } => Ok(()),
        Asked::LinesFile => logs::file(text).map(drop),
        Asked::Name { .. } => named::check(text),
        Asked::Faults { .. } => faults::read(known, text).map(drop),
    }
}
