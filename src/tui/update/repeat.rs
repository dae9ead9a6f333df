//! What is done with a recorded request: copied as a line for the shell, sent again, saved as a check, written to a file.

use std::path::PathBuf;

use super::{Known, MOST_COPIED, Wish};
use crate::engine::{Command, Notice, TraceFormat};
use crate::telemetry::{Exchange, Telemetry, check_of, curl, repeat};
use crate::tui::keys::Action;
use crate::tui::ui::Ui;

/// Does it with the request that is chosen in the open trace, and says so, or why not.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) -> Option<Wish> {
    let row = ui.traces.open()?.row()?;
    let done = match row.what.exchange() {
        Some(exchange) => perform(exchange, known.telemetry, action),
        None => Err("choose a request: a service told of this part itself".into()),
    };
    let (said, wish) = match done {
        Ok((said, wish)) => (said, Some(wish)),
        Err(why) => (why, None),
    };
    ui.said = Some(said);
    wish
}

fn perform(
    exchange: &Exchange,
    telemetry: &Telemetry,
    action: Action,
) -> Result<(String, Wish), String> {
    match action {
        Action::CopyCurl => as_curl(exchange),
        Action::SaveCheck => {
            let check = check_of(exchange, &telemetry.parts(exchange.trace))?;
            let said = format!("saving the check \"{}\"", check.name);
            let check = Box::new(check);
            Ok((said, Wish::Command(Command::SaveCheck { check })))
        }
        Action::Export => {
            let trace = exchange.trace.to_string();
            let file = PathBuf::from(format!("trace-{}.json", &trace[..8]));
            let said = format!("writing the trace to {}", file.display());
            let command = Command::Export {
                traces: vec![trace],
                format: TraceFormat::Otlp,
                file,
            };
            Ok((said, Wish::Command(command)))
        }
        _ => {
            let again = repeat(exchange)?;
            let said = format!("sending {} {} again", exchange.method, exchange.path);
            let command = Command::Replay {
                trace: exchange.trace.to_string(),
                span: exchange.span.to_string(),
                request: again.request,
            };
            Ok((with_notes(said, &again.notes), Wish::Command(command)))
        }
    }
}

fn as_curl(exchange: &Exchange) -> Result<(String, Wish), String> {
    // Who came in through a front door called it by its address on this machine.
    let host = exchange.request_headers.get("host");
    let door = host.filter(|_| exchange.caller.is_none());
    let base = door.map(|host| format!("http://{host}"));
    let made = curl(exchange, base.as_deref()).ok_or("it is no HTTP request")?;
    if made.line.len() > MOST_COPIED {
        return Err("the line is too long for the clipboard".into());
    }
    let shown = crate::text::plain(made.line.as_bytes());
    let said = format!("copied: {}", crate::text::truncate(&shown, 200, "…"));
    Ok((with_notes(said, &made.notes), Wish::Copy(made.line)))
}

fn with_notes(mut said: String, notes: &[String]) -> String {
    for note in notes {
        said.push_str("; ");
        said.push_str(note);
    }
    said
}

/// What a person who looks at something else is to hear of, in one line.
pub(in crate::tui) fn heard(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Problem { what, remedy } => format!("{what}; {remedy}"),
        Notice::Replayed(replay) => {
            let answer = format!(
                "{} {}: {} in {} ms",
                replay.method, replay.path, replay.status, replay.ms
            );
            match replay.differences.as_slice() {
                [] => format!("{answer}, the same answer"),
                [one] => format!("{answer}; {one}"),
                [first, more @ ..] => format!("{answer}; {first}; and {} more", more.len()),
            }
        }
        Notice::CheckSaved { check, file, line } => {
            format!(
                "saved as the check \"{check}\" at {}:{line}",
                file.display()
            )
        }
        Notice::TracesExported { file, .. } => format!("written to {}", file.display()),
        Notice::Solo { on: true } => "one request at a time from now on".to_owned(),
        Notice::Solo { on: false } => "as many requests at a time as come".to_owned(),
        Notice::FaultsSet { service, faults } => {
            format!("{service}: faults on purpose: {}", faults.join("; "))
        }
        Notice::FaultsCleared { service } => format!("{service}: no faults on purpose any more"),
        _ => return None,
    })
}
