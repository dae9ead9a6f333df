//! Log lines written into a file, as the pane shows them: what passes the filter with its context, whole messages, or what
//! was chosen. A thread does it, so that no key waits; nothing is overwritten, and what ends early leaves no file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::log_entries::Entry;
use super::log_shown::ShownLines;
use super::log_view::{LogView, Source, just_before};
use crate::stack::ServiceName;
use crate::telemetry::{Level, LogLine, Position, Stream, Telemetry};
use crate::text;

/// Entries that are read at once.
const AT_ONCE: usize = 1_000;

/// What is to be written, and where.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Export {
    pub(super) file: PathBuf,
    /// Of these services; none: of all.
    pub(super) services: Vec<ServiceName>,
    pub(super) shown: ShownLines,
    /// Entries from here to there, both included.
    pub(super) from: Position,
    pub(super) to: Position,
}

/// How lines stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The words alone; those of several services with the service before them.
    Text,
    /// A JSON object a line, as `boatyard watch --json` has it.
    Json,
}

/// The file as it was typed, seen from this folder; `~/` is the person's own.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn file(typed: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let typed = typed.trim();
    let path = match (typed.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(typed),
    };
    if path.file_name().is_none() || typed.ends_with('/') {
        return Err("the name of a file is missing".to_owned());
    }
    if path.symlink_metadata().is_ok() {
        return Err("there is such a file already; name another".to_owned());
    }
    let path = std::path::absolute(&path).unwrap_or(path);
    match path.parent() {
        Some(folder) if !folder.is_dir() => Err(format!("there is no folder {}", folder.display())),
        _ => Ok(path),
    }
}

/// Writes it; what came of that, in words. `None`: it was told to stop, and left nothing. `is_torn` as long as there is a part
/// of the file.
pub(super) fn write(
    export: &Export,
    telemetry: &Telemetry,
    stop: &AtomicBool,
    is_torn: &AtomicBool,
) -> Option<String> {
    let mut options = OpenOptions::new();
    let opened = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&export.file);
    let written = opened.and_then(|file| {
        is_torn.store(true, Ordering::SeqCst);
        lines(export, telemetry, stop, file)
    });
    if matches!(written, Ok(Some(_))) {
        is_torn.store(false, Ordering::SeqCst);
    }
    let path = export.file.display();
    match written {
        Ok(Some(1)) => Some(format!("1 line is in {path}")),
        Ok(Some(lines)) => Some(format!("{lines} lines are in {path}")),
        Ok(None) => {
            drop(std::fs::remove_file(&export.file));
            None
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Some(format!(
            "there is a file {path} already; X asks for another name"
        )),
        Err(error) => {
            // A part of what was asked for would look like all of it.
            drop(std::fs::remove_file(&export.file));
            Some(format!(
                "nothing was written to {path}: {error}; X asks for another name"
            ))
        }
    }
}

/// Writes the lines and tells how many. `None`: it was told to stop.
fn lines(
    export: &Export,
    telemetry: &Telemetry,
    stop: &AtomicBool,
    file: File,
) -> io::Result<Option<u64>> {
    let mut file = BufWriter::with_capacity(256 << 10, file);
    let form = match export.file.extension().and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Form::Json,
        _ => Form::Text,
    };
    let mut view = LogView::default();
    view.shown = export.shown.clone();
    let source = Source {
        telemetry,
        services: &export.services,
    };
    let reader = view.reader(source, usize::MAX);
    let (mut at, mut count, mut last) = (just_before(export.from), 0, None::<Entry>);
    loop {
        let page = reader.after(at, AT_ONCE).entries;
        let is_last = page.len() < AT_ONCE;
        let known: Vec<Entry> = last.iter().chain(&page).cloned().collect();
        let skipped = view.skipped(source, &known);
        let skipped = skipped.iter().skip(usize::from(last.is_some()));
        let mut skipped = skipped.copied();
        for entry in &page {
            let gap = skipped.next().unwrap_or_default();
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if entry.at > export.to {
                file.flush()?;
                return Ok(Some(count));
            }
            if gap > 0 && form == Form::Text {
                file.write_all(b"--\n")?;
            }
            let said = entry.lines.iter();
            for line in said.filter(|line| !matches!(line.line.stream, Stream::Mark(_))) {
                write_line(&mut file, line, form, export.services.len() != 1)?;
                count += 1;
            }
        }
        match page.last() {
            Some(entry) if !is_last => at = entry.at,
            _ => break,
        }
        last = page.into_iter().next_back();
    }
    file.flush()?;
    Ok(Some(count))
}

fn write_line(out: &mut impl Write, line: &LogLine, form: Form, several: bool) -> io::Result<()> {
    let of = &line.line;
    match form {
        Form::Json => {
            let row = json!({
                "at": format!("{:.3}", of.at),
                "notice": "log",
                "service": of.service,
                "run": of.run,
                "stream": of.stream.name(),
                "level": line.level.map(Level::name),
                "line": text::readable(&of.bytes),
            });
            serde_json::to_writer(&mut *out, &row)?;
        }
        Form::Text => {
            if several {
                write!(out, "{}: ", of.service)?;
            }
            out.write_all(text::readable(&of.bytes).as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::telemetry::{MarkKind, NewLine};

    fn said() -> Telemetry {
        let telemetry = Telemetry::default();
        for number in 0..3000_i64 {
            let (stream, words) = match number {
                17 => (Stream::Mark(MarkKind::Live), "run 1 is live".to_owned()),
                1500 => (Stream::Stderr, "ERROR \u{1b}[31mred\u{1b}[0m".to_owned()),
                1503 => (Stream::Stderr, "    at below".to_owned()),
                _ => (Stream::Stdout, format!("INFO {number}")),
            };
            telemetry.logs().push(NewLine {
                service: if number % 3 == 0 { "web" } else { "orders" }.into(),
                run: 1,
                at: Timestamp::UNIX_EPOCH + SignedDuration::from_millis(number),
                stream,
                bytes: words.into_bytes(),
            });
        }
        telemetry
    }

    fn export(folder: &Path, name: &str, filter: &str, services: &[&str]) -> Export {
        let mut shown = ShownLines::default();
        shown.set(filter).unwrap();
        Export {
            file: folder.join(name),
            services: services.iter().map(|name| (*name).into()).collect(),
            shown,
            from: Position::FIRST,
            to: Position::LAST,
        }
    }

    #[test]
    fn what_is_shown_is_written_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (telemetry, go_on) = (said(), AtomicBool::new(false));
        let written = |export: &Export| {
            let words = write(export, &telemetry, &go_on, &AtomicBool::default()).unwrap();
            (
                words,
                std::fs::read_to_string(&export.file).unwrap_or_default(),
            )
        };
        let (words, text) = written(&export(folder.path(), "all.log", "", &[]));
        assert!(words.starts_with("2999 lines are in /"), "{words}");
        assert!(text.starts_with("web: INFO 0\norders: INFO 1\n"));
        assert!(!text.contains("is live") && !text.contains('\u{1b}'));
        let errors = export(folder.path(), "errors.txt", "level>=error", &["web"]);
        let (words, text) = written(&errors);
        assert_eq!(text, "ERROR red\n    at below\n", "the whole message");
        assert!(words.starts_with("2 lines"));
        let mut around = export(
            folder.path(),
            "around.txt",
            "level>=error or ~\\b30$",
            &["web"],
        );
        around.shown.turn_context(true);
        assert_eq!(
            written(&around).1,
            "INFO 27\nINFO 30\nINFO 33\n--\nINFO 1497\nERROR red\n    at below\nINFO 1506\n"
        );
        let (words, text) = written(&export(folder.path(), "e.jsonl", "level>=error", &[]));
        assert!(words.starts_with("2 lines"));
        let row: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(row["line"], "ERROR red");
        assert_eq!(
            (&row["level"], &row["stream"]),
            (&"error".into(), &"stderr".into())
        );
        assert_eq!(row["at"], "1970-01-01T00:00:01.500Z");
        let before = std::fs::read_to_string(&errors.file).unwrap();
        let (words, text) = written(&Export {
            shown: ShownLines::default(),
            ..errors
        });
        assert!(words.contains("already") && text == before, "{words}");
    }

    #[test]
    fn what_cannot_be_written_or_is_stopped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = said();
        let nowhere = export(&folder.path().join("none"), "a.log", "", &[]);
        let torn = AtomicBool::default();
        let words = write(&nowhere, &telemetry, &AtomicBool::default(), &torn).unwrap();
        assert!(words.starts_with("nothing was written to"), "{words}");
        let stopped = export(folder.path(), "b.log", "", &[]);
        assert_eq!(
            write(&stopped, &telemetry, &AtomicBool::new(true), &torn),
            None
        );
        assert!(!stopped.file.exists());
    }

    #[test]
    fn files_are_named_as_in_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), "").unwrap();
        let home = Some(folder.path());
        assert_eq!(file(" ~/new.log", home), Ok(folder.path().join("new.log")));
        assert!(file("~/there", home).unwrap_err().contains("already"));
        assert!(
            file("~/no/new.log", home)
                .unwrap_err()
                .contains("there is no folder")
        );
        for nothing in ["", "  ", "/", "~/a/", ".."] {
            assert!(file(nothing, home).is_err(), "{nothing:?}");
        }
        assert!(file("new.log", None).unwrap().is_absolute());
    }
}
