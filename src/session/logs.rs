//! Where a session keeps its log lines, and `boatyard logs`, which reads them again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::opening::identity;
use super::{Failure, inspect, isolation, use_color};
use crate::adapters::{Identity, Wires};
use crate::cli::{Global, Logs, Since};
use crate::engine::Event;
use crate::report::{self, LogLines};
use crate::stack::{ServiceName, Stack};
use crate::telemetry::{
    Archive, Direction, LogLine, Page, Position, Search, Select, Spill, Telemetry, prune_sessions,
    sessions,
};

/// Bytes of the newest lines that stay in memory.
const MEMORY: usize = 32 << 20;

/// Bytes that one session may take on disk, if there is room for four times as much.
const DISK: u64 = 4 << 30;

/// Lines that are read at once.
const AT_ONCE: usize = 4096;

/// Where the sessions of a stack keep their lines.
fn folder(identity: &Identity) -> PathBuf {
    identity.state_folder().join("logs")
}

/// From now on the session's lines are kept on disk. Needs the stack's lock: sessions that ended long ago are removed.
pub(super) fn keep_on_disk(identity: &Identity, wires: &Wires) {
    let folder = folder(identity);
    prune_sessions(&folder);
    let spill = Spill {
        folder: folder.join(&identity.session),
        memory: MEMORY,
        disk: room(&identity.state_folder()).map_or(DISK, |room| DISK.min(room / 4)),
    };
    let told = wires.clone();
    let tell = move |what: String| {
        told.tell(Event::Problem {
            what,
            remedy: "the oldest lines will be dropped; make room there, or set XDG_STATE_HOME to another folder, and start again"
                .into(),
        });
    };
    let failed = tell.clone();
    let begun = wires
        .telemetry
        .logs()
        .keep_on_disk(&spill, move |error| failed(error.to_string()));
    if let Err(error) = begun {
        tell(format!("log lines are kept in memory only: {error}"));
    }
}

/// Free bytes on the disk of this folder.
fn room(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Prints lines of the last session.
pub(super) fn logs(global: &Global, wanted: &Logs) -> Result<u8, Failure> {
    let (mut stack, _) = inspect::stack(global)?;
    isolation::apply(&mut stack, wanted.copy.isolated.as_deref())?;
    let grep = wanted.grep.as_deref().map(Search::regex).transpose();
    let grep = grep.map_err(|why| Failure::Wrong(format!("error: --grep: {why}")))?;
    let archive = last_session(&stack)?;
    let services = chosen(&stack, &archive, &wanted.services)?;
    let telemetry = Telemetry::default().with_logs(archive.logs);
    let redactor = report::redactor(&stack.redact);
    let all = telemetry.logs().services();
    let mut rows = LogLines::new(&all, redactor, use_color(global), wanted.json);
    if wanted.timestamps {
        rows = rows.with_time();
    }
    let reading = Reading {
        telemetry: &telemetry,
        services: &services,
        grep: grep.as_ref(),
        from: from(&telemetry, wanted.since),
        rows: &rows,
    };
    match wanted.tail {
        Some(most) => reading.print_tail(most),
        None => reading.print_all(),
    }
    tell_what_is_missing(&telemetry, archive.missing, archive.is_damaged);
    Ok(0)
}

fn last_session(stack: &Stack) -> Result<Archive, Failure> {
    let folder = folder(&identity(stack));
    let Some(last) = sessions(&folder).into_iter().next() else {
        let name = &stack.name;
        return Err(Failure::Missing(format!(
            "error: no session of {name} has left log lines in {}\nhelp: `boatyard up` and `boatyard watch` keep them there",
            folder.display()
        )));
    };
    Archive::open(&last.folder)
        .map_err(|error| Failure::io(&format!("cannot read {}", last.folder.display()), &error))
}

/// The services that are asked for. One that neither the stack nor the session knows is the command line's fault.
fn chosen(stack: &Stack, archive: &Archive, names: &[String]) -> Result<Vec<ServiceName>, Failure> {
    let said = archive.logs.services();
    let is_known = |name: &str| {
        stack.services.contains_key(name) || said.iter().any(|one| one.as_str() == name)
    };
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let known: Vec<&str> = said.iter().map(ServiceName::as_str).collect();
        return Err(Failure::Wrong(format!(
            "error: there is no service \"{unknown}\"\nhelp: the session has lines of {}",
            known.join(", ")
        )));
    }
    Ok(names.iter().map(ServiceName::new).collect())
}

/// Just before the first line that is asked for.
fn from(telemetry: &Telemetry, since: Option<Since>) -> Position {
    let at = match since {
        None => return Position::FIRST,
        Some(Since::At(at)) => at,
        Some(Since::Before(time)) => {
            let last = telemetry.latest(Select::default(), 1).lines.pop();
            let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
            last.and_then(|last| last.line.at.checked_sub(time).ok())
                .unwrap_or(Timestamp::MIN)
        }
    };
    let before = at.checked_sub(SignedDuration::from_nanos(1));
    before.map_or(Position::FIRST, |at| Position { at, seq: u64::MAX })
}

/// What is read, and how it is told.
struct Reading<'a> {
    telemetry: &'a Telemetry,
    services: &'a [ServiceName],
    grep: Option<&'a Search>,
    from: Position,
    rows: &'a LogLines,
}

impl Reading<'_> {
    fn print_all(&self) {
        let mut from = Some(self.from);
        while let Some(position) = from {
            let page = self.page(position, Direction::Forward);
            let told = page.lines.iter().filter(|line| self.rows.tells(line));
            let text: String = told.map(|line| self.rows.row(line)).collect();
            // Nobody reads on: `| head`.
            if !report::print_on(&text) {
                return;
            }
            from = page.reached;
        }
    }

    fn print_tail(&self, most: usize) {
        let mut tail: Vec<Arc<LogLine>> = Vec::new();
        let mut before = Some(Position::LAST);
        while let Some(position) = before.filter(|_| tail.len() < most) {
            let page = self.page(position, Direction::Back);
            let told = page
                .lines
                .into_iter()
                .filter(|line| line.position() > self.from && self.rows.tells(line));
            tail.extend(told.take(most - tail.len()));
            before = page.reached.filter(|reached| *reached > self.from);
        }
        for lines in tail.rchunks(AT_ONCE) {
            let text: String = lines.iter().rev().map(|line| self.rows.row(line)).collect();
            if !report::print_on(&text) {
                return;
            }
        }
    }

    /// Lines beyond this position, in the order in which they are met.
    fn page(&self, position: Position, direction: Direction) -> Page {
        let select = Select {
            services: self.services,
            filter: None,
            patience: usize::MAX,
        };
        let telemetry = self.telemetry;
        match (self.grep, direction) {
            (Some(search), _) => {
                telemetry.search_page(select, search, position, direction, AT_ONCE)
            }
            (None, Direction::Forward) => telemetry.page_after(select, position, AT_ONCE),
            (None, Direction::Back) => {
                let mut page = telemetry.page_before(select, position, AT_ONCE);
                page.lines.reverse();
                page
            }
        }
    }
}

fn tell_what_is_missing(telemetry: &Telemetry, missing: u64, is_damaged: bool) {
    let missing = missing + telemetry.logs().unreadable();
    if missing > 0 {
        report::complain(&format!(
            "warning: {missing} lines of that session are not kept any more"
        ));
    }
    if is_damaged {
        report::complain("warning: its files are damaged, or were torn off at the end");
    }
}
