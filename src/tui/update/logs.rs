//! What keys do in the logs alone.

use std::path::PathBuf;

use super::{Known, Wish, log_source, traces, typing};
use crate::telemetry::Direction;
use crate::text;
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::log_export::{self, Export};
use crate::tui::log_view::{Form, PATIENCE, Place, Times, just_before};
use crate::tui::prompt::Line;
use crate::tui::ui::{Asked, Ui};

/// Terminals refuse longer pieces for their clipboard (xterm takes 100,000 bytes of base 64), so no more is sent.
pub(super) const MOST_COPIED: usize = 70_000;
/// Entries that are copied at once, at most.
const MANY: usize = 10_000;

pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) {
    let folds = matches!(action, Action::FoldAll | Action::UnfoldAll);
    if folds && ui.focus == Pane::Traces {
        traces::act(ui, known, action);
        return;
    }
    if ui.focus != Pane::Logs {
        ui.go_to(Pane::Logs);
    }
    let services = ui.logs.services(ui.chosen.as_ref());
    let (source, rows) = (log_source(known, &services), ui.rows(Pane::Logs));
    let said = match action {
        Action::ToTime => return ask_time(ui),
        Action::ExportLines => return ask_file(ui, known),
        Action::Turn => {
            let turned = ui.logs.turn(source, rows);
            (!turned).then_some("nothing to unfold here: it is one line, and no JSON")
        }
        Action::FoldAll | Action::UnfoldAll => {
            ui.logs.folding.set_all(action == Action::UnfoldAll);
            None
        }
        Action::Raw => Some(turn_form(ui)),
        Action::Times => Some(turn_times(ui)),
        Action::NextError | Action::PreviousError => {
            let to = direction(action == Action::NextError);
            let found = ui.logs.go_to_passing(source, "level>=error", to, rows);
            (!found).then_some(match to {
                Direction::Forward => "no later error",
                Direction::Back => "no earlier error",
            })
        }
        Action::NextMark | Action::PreviousMark => {
            let to = direction(action == Action::NextMark);
            let found = ui.logs.go_to_mark(source, to, rows);
            (!found).then_some(match to {
                Direction::Forward => "no later mark",
                Direction::Back => "no earlier mark",
            })
        }
        Action::MarkLine => ui.logs.turn_mark(source).map(|is_new| {
            if is_new {
                "marked; < and > go from mark to mark"
            } else {
                "no longer marked"
            }
        }),
        Action::MoreContext | Action::LessContext => {
            ui.said = Some(turn_context(ui, action == Action::MoreContext));
            return;
        }
        Action::Choose => choose(ui, known),
        _ => None,
    };
    if let Some(said) = said {
        ui.said = Some(said.into());
    }
}

/// Ends a choice of lines or a search; whether there was one.
pub(super) fn back(ui: &mut Ui) -> bool {
    ui.focus == Pane::Logs
        && (ui.logs.anchor.take().is_some() || ui.logs.searching.take().is_some())
}

fn turn_form(ui: &mut Ui) -> &'static str {
    let (form, said) = match ui.logs.form {
        Form::Read => (Form::Raw, "lines are shown as they came"),
        Form::Raw => (Form::Read, "lines are set out for reading"),
    };
    ui.logs.form = form;
    said
}

fn turn_context(ui: &mut Ui, more: bool) -> String {
    let before = ui.logs.shown.around();
    match ui.logs.shown.turn_context(more) {
        None => "there is no filter, so every line is shown; f filters, e shows problems".into(),
        Some(0) => "only what the filter lets pass".into(),
        Some(1) => "1 message before and after what the filter lets pass".into(),
        Some(most) if more && most == before => format!("{most} messages are the most"),
        Some(many) => format!("{many} messages before and after what the filter lets pass"),
    }
}

fn turn_times(ui: &mut Ui) -> &'static str {
    let (times, said) = match ui.logs.times {
        Times::Clock => (
            Times::Since,
            "how long after the line above it each line came",
        ),
        Times::Since => (Times::Hidden, "no times"),
        Times::Hidden => (Times::Clock, "when each line came"),
    };
    ui.logs.times = times;
    said
}

pub(super) fn direction(forward: bool) -> Direction {
    if forward {
        Direction::Forward
    } else {
        Direction::Back
    }
}

/// Begins to choose several entries at the one the person is at, or ends that.
fn choose(ui: &mut Ui, known: Known<'_>) -> Option<&'static str> {
    if ui.logs.anchor.take().is_some() {
        return Some("one line is chosen");
    }
    let services = ui.logs.services(ui.chosen.as_ref());
    let source = log_source(known, &services);
    let (entry, row, below) = ui.logs.at(&ui.logs.reader(source, PATIENCE))?;
    if ui.logs.place == Place::Following {
        ui.logs.point_at_row(source, entry.at, row, below);
    }
    ui.logs.anchor = Some(entry.at);
    Some("move to choose more lines; y copies them")
}

/// Asks which time to go to.
fn ask_time(ui: &mut Ui) {
    typing::ask(ui, Asked::Time, String::new(), Line::default());
}

/// Asks into which file the lines go, with a name that is free.
fn ask_file(ui: &mut Ui, known: Known<'_>) {
    let of = match ui.logs.services(ui.chosen.as_ref()).as_slice() {
        [one] => one.as_str().replace('/', "-"),
        [] => "all".to_owned(),
        several => format!("{}-services", several.len()),
    };
    let now = known.clock.zoned(known.clock.now());
    let name = format!("{of}-{}.log", now.strftime("%H%M%S"));
    typing::ask(ui, Asked::LinesFile, String::new(), Line::of(&name));
    // Whoever is asked sees at once that the name is taken.
    typing::typed(ui, known);
}

/// The file as it was typed.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn file(typed: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    log_export::file(typed, home.as_deref())
}

/// Writes what is shown into a file: the entries that were chosen, or all.
pub(super) fn export(ui: &mut Ui, known: Known<'_>, typed: &str) -> Option<Wish> {
    let file = file(typed).ok()?;
    let services = ui.logs.services(ui.chosen.as_ref());
    let source = log_source(known, &services);
    let chosen = ui.logs.anchor.take().and_then(|anchor| {
        let (entry, _, _) = ui.logs.at(&ui.logs.reader(source, PATIENCE))?;
        Some((anchor.min(entry.at), anchor.max(entry.at)))
    });
    let Some((from, to)) = chosen.or_else(|| known.telemetry.logs().ends(&services)) else {
        ui.said = Some("there are no lines to write".into());
        return None;
    };
    ui.said = Some(format!("writing to {}", file.display()));
    let shown = ui.logs.shown.clone();
    Some(Wish::ExportLines(Box::new(Export {
        file,
        services,
        shown,
        from,
        to,
    })))
}

/// Marks the chosen service, so that its lines are read with those of the other marked ones.
pub(super) fn mark_service(ui: &mut Ui) {
    let Some(name) = ui.chosen.clone() else {
        return;
    };
    ui.logs.mark_service(&name);
    ui.said = Some(match ui.logs.marked.len() {
        0 => "no service is marked; the logs are those of the chosen one".into(),
        1 => format!(
            "the logs are those of {}; mark more to read them together",
            ui.logs.marked[0]
        ),
        count => format!("the logs of {count} services, in the order of time"),
    });
}

/// The chosen entries as text, without times and names; else the line, or the folded message, the person is at.
pub(super) fn copy(ui: &mut Ui, known: Known<'_>) -> Option<Wish> {
    let services = ui.logs.services(ui.chosen.as_ref());
    let source = log_source(known, &services);
    let reader = ui.logs.reader(source, PATIENCE);
    let (entry, row, _) = ui.logs.at(&reader)?;
    let lines = match ui.logs.anchor {
        Some(anchor) => {
            let (from, to) = (anchor.min(entry.at), anchor.max(entry.at));
            let from_first = reader.after(just_before(from), MANY).entries.into_iter();
            let chosen = from_first.filter(|entry| (from..=to).contains(&entry.at));
            chosen.flat_map(|entry| entry.lines.to_vec()).collect()
        }
        None if entry.open => vec![entry.line(row).clone()],
        None => entry.lines.to_vec(),
    };
    let mut text = String::new();
    for line in &lines {
        let bytes = &line.line.bytes;
        let room = MOST_COPIED.saturating_sub(text.len());
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&text::plain(&bytes[..bytes.len().min(room)]));
    }
    ui.logs.anchor = None;
    ui.said = Some(match lines.len() {
        1 => format!("copied: {}", text::truncate(&text, 200, "…")),
        count if text.len() >= MOST_COPIED => {
            format!("copied the beginning of {count} lines: a terminal takes no more")
        }
        count => format!("copied {count} lines"),
    });
    Some(Wish::Copy(text))
}
