//! From a line to the file that it names, or to all lines, in the person's own editor.

use super::{Known, Wish, log_source};
use crate::engine::{BuildState, ServiceState};
use crate::stack::ServiceName;
use crate::telemetry::{LogLine, Position};
use crate::text;
use crate::tui::code_place;
use crate::tui::editor::{FilePlace, Task};
use crate::tui::layout::Pane;
use crate::tui::log_entries::Entry;
use crate::tui::log_view::PATIENCE;
use crate::tui::ui::Ui;

/// Entries before and after the line that are written down, each at most.
const MANY: usize = 10_000;
/// No more than this is written down before the line, and after it, in bytes.
const MOST: usize = 16 << 20;

/// What there is to be opened where the person is.
pub(super) fn open(ui: &mut Ui, known: Known<'_>) -> Option<Wish> {
    let task = match ui.focus {
        Pane::Logs => of_logs(ui, known),
        Pane::Build | Pane::Services => of_build(ui, known),
        Pane::Traces | Pane::Health | Pane::Details | Pane::Timeline | Pane::Notices => {
            Err("a line of the logs, or a failed build, names a file to be opened".into())
        }
    };
    match task {
        Ok(task) => Some(Wish::Edit(task)),
        Err(said) => {
            ui.said = Some(said);
            None
        }
    }
}

fn of_logs(ui: &Ui, known: Known<'_>) -> Result<Task, String> {
    let services = ui.logs.services(ui.chosen.as_ref());
    let reader = ui.logs.reader(log_source(known, &services), PATIENCE);
    let (entry, row, _) = ui.logs.at(&reader).ok_or("there is no line to be opened")?;
    let line = entry.line(row);
    let own = [&**line];
    let all = entry.lines.iter().map(|line| &**line);
    let place = place_of(known, own).or_else(|| place_of(known, all));
    if let Some(place) = place {
        return Ok(Task::File(place));
    }
    let is_merged = services.len() != 1;
    let before = reader.before(entry.at, MANY).entries;
    let upper = written(before.iter().rev(), known, is_merged);
    let lower = reader.after(just_before(entry.at), MANY).entries;
    let lower = written(lower.iter(), known, is_merged);
    let mut text = String::new();
    text.extend(upper.iter().rev().map(String::as_str));
    text.extend(lower.iter().map(String::as_str));
    let above: usize = upper.iter().map(|entry| entry.matches('\n').count()).sum();
    Ok(Task::Text {
        text,
        line: above + row.min(entry.lines.len() - 1) + 1,
    })
}

/// The position after which an entry stands first.
fn just_before(at: Position) -> Position {
    Position {
        seq: at.seq.saturating_sub(1),
        ..at
    }
}

/// Entries as text, each with its lines, up to [`MOST`] bytes.
fn written<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    known: Known<'_>,
    is_merged: bool,
) -> Vec<String> {
    let mut room = MOST;
    let entries = entries.map(|entry| {
        let mut text = String::new();
        for line in entry.lines.iter() {
            let at = known.clock.local(line.line.at);
            text.push_str(&at.strftime("%H:%M:%S%.3f ").to_string());
            if is_merged {
                text.push_str(line.line.service.as_str());
                text.push(' ');
            }
            text.push_str(&text::plain(&line.line.bytes));
            text.push('\n');
        }
        text
    });
    let fits = entries.take_while(|text| {
        let has_room = room > 0;
        room = room.saturating_sub(text.len());
        has_room
    });
    fits.collect()
}

/// The place that these lines of one service name.
fn place_of<'a>(
    known: Known<'_>,
    lines: impl IntoIterator<Item = &'a LogLine>,
) -> Option<FilePlace> {
    let mut name: Option<&ServiceName> = None;
    let mut words = Vec::new();
    for line in lines {
        name = Some(&line.line.service);
        words.push(text::readable(&line.line.bytes));
    }
    let service = known.state.services.get(name?)?;
    find(known, service, words.iter().map(|words| &**words))
}

fn find<'a>(
    known: Known<'_>,
    service: &ServiceState,
    lines: impl IntoIterator<Item = &'a str>,
) -> Option<FilePlace> {
    let of = (&*known.state.stack, &*service.service, service.runtime);
    code_place::find(lines, of, std::path::Path::is_file)
}

fn of_build(ui: &Ui, known: Known<'_>) -> Result<Task, String> {
    let service = ui.service(known.state).ok_or("no service is chosen")?;
    let name = &service.service.name;
    let BuildState::Failed { failure, .. } = &service.build else {
        return Err(format!("no build of {name} failed"));
    };
    let lines = failure.last_lines.iter().map(String::as_str);
    let lines = lines.chain(failure.message.lines());
    let place = find(known, service, lines);
    place
        .map(Task::File)
        .ok_or_else(|| format!("what the build of {name} printed last names no file that is here"))
}
