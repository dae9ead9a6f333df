//! `boatyard traces`: what a file of traces has, in the workbench's screen or as a list.

use std::fs::File;
use std::io::{self, IsTerminal, Read as _};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Failure, doing, runtime};
use crate::adapters::Wires;
use crate::adapters::trace_file;
use crate::cli::{ColorArg, Global, Traces};
use crate::engine::{Effect, Engine, Event, Options};
use crate::report;
use crate::runtime::{Clock, Interrupts, Parts, World, run};
use crate::stack::Stack;
use crate::telemetry::Telemetry;
use crate::tui;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 512 << 20;

/// Reads the file and shows it.
pub(super) fn traces(global: &Global, traces: &Traces) -> Result<u8, Failure> {
    let Some(file) = global.files.first() else {
        let help = "help: write `boatyard traces --file FILE`; `boatyard up` shows those of a session that runs";
        return Err(Failure::Wrong(format!(
            "error: no file of traces was named\n{help}"
        )));
    };
    let path = global
        .directory
        .as_ref()
        .map_or_else(|| file.clone(), |directory| directory.join(file));
    let telemetry = read(&path)?;
    let has_screen = io::stdout().is_terminal() && io::stdin().is_terminal();
    if has_screen && !traces.json {
        return show(global, &path, &telemetry);
    }
    let mut all = telemetry.traces(usize::MAX, |_| true);
    // The oldest first, as a log is read.
    all.reverse();
    report::print(&if traces.json {
        report::traces_json(&all)
    } else {
        report::traces_lines(&all)
    });
    Ok(0)
}

/// The stores with what the file has. What was left out is said.
fn read(path: &Path) -> Result<Arc<Telemetry>, Failure> {
    let shown = path.display();
    let cannot = |error: &io::Error| Failure::Wrong(format!("error: cannot read {shown}: {error}"));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let mut text = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(|error| cannot(&error))?;
    if text.len() as u64 > LARGEST {
        let most = LARGEST >> 20;
        return Err(Failure::Wrong(format!(
            "error: {shown} is larger than {most} MB"
        )));
    }
    // In memory a span is a few times as large as its text at most, and nothing of a file is to be dropped.
    let budget = (text.len() * 4).max(64 << 20);
    let telemetry = Arc::new(Telemetry::new(budget, budget));
    let read = trace_file::read(&text, &telemetry)
        .map_err(|why| Failure::Wrong(format!("error: {shown} cannot be read: {why}")))?;
    let dropped = telemetry.exchanges().dropped() + telemetry.spans().dropped();
    let left_out = read.refused + dropped;
    if left_out > 0 {
        report::complain(&format!(
            "warning: {left_out} entries of {shown} were left out"
        ));
    }
    Ok(telemetry)
}

fn show(global: &Global, path: &Path, telemetry: &Arc<Telemetry>) -> Result<u8, Failure> {
    let clock = Clock::start();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stack = Stack {
        name: name.into_owned(),
        directory: path.parent().unwrap_or(Path::new(".")).into(),
        file: path.into(),
        ..Stack::default()
    };
    let runtime = runtime()?;
    let guard = runtime.enter();
    let interrupts =
        Interrupts::catch().map_err(|error| Failure::io("cannot catch signals", &error))?;
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && global.color != ColorArg::Never;
    let options = tui::Options {
        color,
        keys: tui::keys_file(),
        ..tui::Options::default()
    };
    let mut workbench = tui::Workbench::start(&options, Arc::clone(telemetry), clock.clone())
        .map_err(|error| Failure::Failed(format!("error: cannot show the workbench: {error}")))?;
    let (events, received) = mpsc::unbounded_channel();
    let mut world = Archive {
        wires: Wires {
            events,
            telemetry: Arc::clone(telemetry),
            clock: clock.clone(),
        },
        events: received,
    };
    let parts = Parts {
        start: Engine::new(Arc::new(stack), Options::default()),
        telemetry: Arc::clone(telemetry),
        clock,
        interrupts,
        tape: None,
    };
    drop(guard);
    let ended = runtime.block_on(run(parts, &mut world, &mut workbench));
    drop(workbench);
    Ok(super::serve::exit_code(&ended))
}

/// The world of a session without services: nothing runs, and nothing can be asked.
struct Archive {
    wires: Wires,
    events: mpsc::UnboundedReceiver<Event>,
}

impl World for Archive {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Export {
                traces,
                format,
                file,
            } => doing::export(&self.wires, &traces, format, file),
            Effect::Replay { .. } | Effect::SaveCheck { .. } | Effect::GoInside { .. } => {
                self.wires.tell(Event::Problem {
                    what: "these are the traces of a file: nothing runs that could be asked".into(),
                    remedy: "the same is possible in `boatyard up`".into(),
                });
            }
            // Without services there is nothing to do.
            _ => {}
        }
    }

    async fn next_event(&mut self) -> Event {
        match self.events.recv().await {
            Some(event) => event,
            // It holds a sender itself.
            None => std::future::pending().await,
        }
    }

    async fn finish(&mut self) -> Vec<String> {
        Vec::new()
    }
}
