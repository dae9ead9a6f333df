//! What was typed before: brought back into a prompt, given a name, picked from a list, forgotten.

use super::{Known, log_source, typing};
use crate::text::Redactor;
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::palette;
use crate::tui::prompt::Line;
use crate::tui::trace_view::Opened;
use crate::tui::typed::{Kind, Named};
use crate::tui::ui::{Asked, Mode, Typing, Ui};

/// The longest name that can be given, in bytes.
const LONGEST: usize = 60;

/// Does what is asked of what was typed before.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) {
    match action {
        Action::Older | Action::Newer => go(ui, known, action == Action::Older),
        Action::GiveName => ask_name(ui, known),
        Action::Named => list(ui),
        Action::Forget => forget(ui),
        _ => {}
    }
}

/// Remembers a line, unless a secret is in it.
pub(super) fn remember(ui: &mut Ui, known: Known<'_>, what: &Asked, line: &str) {
    let Some(kind) = what.kind() else {
        return;
    };
    if Redactor::new(&known.state.stack.redact).text(line) == line {
        ui.typed.remember(kind, line);
    }
}

/// Whether hits are gone through while this is typed, so that the arrows are taken.
pub(super) fn has_hits(what: &Asked) -> bool {
    matches!(
        what,
        Asked::Search | Asked::TraceSearch | Asked::DetailsSearch
    )
}

/// Brings back the line that was typed before the one that is shown, or after it.
pub(super) fn go(ui: &mut Ui, known: Known<'_>, older: bool) {
    let Mode::Typing(typing) = &mut ui.mode else {
        return;
    };
    let Some(kind) = typing.what.kind() else {
        return;
    };
    let next = match (typing.past.as_ref(), older) {
        (None, true) => Some(0),
        (None, false) => return,
        (Some(past), true) => Some(past.lines + 1),
        (Some(past), false) => past.lines.checked_sub(1),
    };
    let line = match next {
        Some(lines) => ui.typed.before(kind, lines).map(str::to_owned),
        None => typing.past.as_ref().map(|past| past.draft.clone()),
    };
    let Some(line) = line else {
        return;
    };
    let draft = match typing.past.take() {
        Some(past) => past.draft,
        None => typing.line.text().to_owned(),
    };
    typing.past = next.map(|lines| Past { lines, draft });
    typing.line = Line::of(&line);
    typing::typed(ui, known);
}

/// Where somebody is in what was typed before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Past {
    /// How many lines before the newest.
    pub(in crate::tui) lines: usize,
    /// What was typed before that was gone to.
    pub(in crate::tui) draft: String,
}

/// Keeps the filter or the search that is typed, and asks for a name for it.
fn ask_name(ui: &mut Ui, known: Known<'_>) {
    let Mode::Typing(typing) = &ui.mode else {
        return;
    };
    let kind = typing.what.kind().filter(|kind| Kind::NAMED.contains(kind));
    let text = typing.line.text().trim().to_owned();
    let (Some(kind), false, None) = (kind, text.is_empty(), &typing.wrong) else {
        return;
    };
    if let Mode::Typing(typing) = std::mem::take(&mut ui.mode) {
        typing::submit(ui, known, typing);
    }
    let has_name = ui
        .typed
        .names()
        .into_iter()
        .find(|named| named.kind == kind && named.text == text);
    let before = has_name.map_or_else(Line::default, |named| Line::of(&named.name));
    typing::ask(ui, Asked::Name { kind, text }, String::new(), before);
}

/// Whether this can be a name.
pub(super) fn check(name: &str) -> Result<(), String> {
    if name.trim().len() > LONGEST {
        return Err(format!("a name has at most {LONGEST} bytes"));
    }
    Ok(())
}

/// Gives the name that was typed; none: there shall be none.
pub(super) fn give_name(ui: &mut Ui, known: Known<'_>, kind: Kind, text: &str, typed: &str) {
    let name = typed.trim().to_owned();
    if name.is_empty() {
        return;
    }
    if Redactor::new(&known.state.stack.redact).text(text) != text {
        ui.said = Some("there is a secret in it, so it is not kept".into());
        return;
    }
    let named = Named {
        kind,
        name,
        text: text.to_owned(),
    };
    ui.said = Some(match ui.typed.name(&named) {
        Ok(false) => format!("kept as “{}”; * finds it again", named.name),
        Ok(true) => format!("“{}” is this one now; * finds it again", named.name),
        Err(why) => why,
    });
}

/// Shows all that have a name or were typed.
fn list(ui: &mut Ui) {
    if ui.typed.all().is_empty() {
        ui.said =
            Some("nothing was typed yet; while a filter is typed, ctrl-s gives it a name".into());
        return;
    }
    ui.mode = Mode::Named {
        line: Line::default(),
        chosen: 0,
    };
}

/// Forgets what is chosen in the list.
fn forget(ui: &mut Ui) {
    let Mode::Named { line, chosen } = &mut ui.mode else {
        return;
    };
    let mut found = palette::named(line.text(), &ui.typed);
    if *chosen < found.len() {
        let which = found.swap_remove(*chosen);
        if let palette::Entry::Named(named) = which.entry {
            ui.typed.forget(&named);
        }
        *chosen = (*chosen).min(found.len().saturating_sub(1));
    }
}

/// Filters or searches as it was kept.
pub(super) fn apply(ui: &mut Ui, known: Known<'_>, named: &Named) {
    let what = match named.kind {
        Kind::LogFilter => Asked::LogFilter,
        Kind::LogSearch => Asked::Search,
        Kind::TraceFilter => Asked::TraceFilter,
        Kind::NoticeFilter => Asked::NoticeFilter,
        Kind::TraceSearch | Kind::DetailsSearch | Kind::Time | Kind::Faults | Kind::Command => {
            return;
        }
    };
    let outcome = match what {
        Asked::LogFilter => {
            ui.go_to(Pane::Logs);
            ui.logs.set_filter(&named.text)
        }
        Asked::Search => {
            ui.go_to(Pane::Logs);
            let services = ui.logs.services(ui.chosen.as_ref());
            let rows = ui.rows(Pane::Logs);
            let source = log_source(known, &services);
            ui.logs.search(source, &named.text, rows)
        }
        Asked::TraceFilter => {
            ui.traces.opened = Opened::List;
            ui.go_to(Pane::Traces);
            ui.traces.set_filter(&named.text)
        }
        _ => {
            ui.go_to(Pane::Notices);
            ui.notices.set_filter(&named.text)
        }
    };
    remember(ui, known, &what, &named.text);
    ui.said = outcome.err();
}

/// The line that is typed was changed: it is none of those before.
pub(super) fn changed(typing: &mut Typing) {
    typing.past = None;
}
