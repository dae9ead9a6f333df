//! `boatyard up` and `boatyard watch`.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use tokio::runtime::Runtime;

use super::opening::{Opened, Opening, Wish};
use super::{Failure, runtime, use_color};
use crate::cli::{Global, Serve, Up, Watch};
use crate::engine::Verdict;
use crate::report;
use crate::runtime::{Clock, Ended, View, run};
use crate::telemetry::Telemetry;
use crate::tui;

/// `boatyard up`: the workbench, or lines where there is no terminal to show it on.
pub(super) fn up(global: &Global, up: &Up) -> Result<u8, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return watch(
            global,
            &Watch {
                serve: up.serve.clone(),
                ..Watch::default()
            },
        );
    }
    let opening = Opening::new(wish(global, &up.serve))?;
    let (telemetry, clock) = (Arc::new(Telemetry::default()), Clock::start());
    let runtime = runtime()?;
    let guard = runtime.enter();
    let opened = open(opening, &telemetry, &clock)?;
    opened.print_exports();
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && global.color != crate::cli::ColorArg::Never;
    let options = tui::Options {
        theme: up.theme.clone(),
        color,
        mouse: true,
        keys: tui::keys_file(),
        state: Some(opened.state_folder.clone()),
    };
    let mut workbench = tui::Workbench::start(&options, Arc::clone(&telemetry), clock)
        .map_err(|error| Failure::Failed(format!("error: cannot show the workbench: {error}")))?;
    drop(guard);
    let ended = serve(&runtime, opened, &mut workbench);
    drop(workbench);
    let ended = ended?;
    if ended.left_behind.is_empty() && ended.why.is_none() {
        return Ok(exit_code(&ended));
    }
    // The screen is gone; what it had to say last must not go with it.
    let mut said: Vec<String> = ended.why.iter().cloned().collect();
    said.extend(
        ended
            .left_behind
            .iter()
            .map(|what| format!("left behind: {what}")),
    );
    report::complain(&said.join("\n"));
    Ok(exit_code(&ended))
}

/// `boatyard watch`: a line for each notice and log line.
pub(super) fn watch(global: &Global, watch: &Watch) -> Result<u8, Failure> {
    let opening = Opening::new(wish(global, &watch.serve))?;
    let (telemetry, clock) = (Arc::new(Telemetry::default()), Clock::start());
    let runtime = runtime()?;
    let guard = runtime.enter();
    let redactor = report::redactor(&opening.stack.redact);
    let opened = open(opening, &telemetry, &clock)?;
    drop(guard);
    let out: Box<dyn Write + Send> = Box::new(io::stdout());
    let ended = if watch.json {
        serve(
            &runtime,
            opened,
            &mut report::Json::new(out, telemetry, clock, redactor, !watch.no_logs),
        )?
    } else {
        opened.print_exports();
        let options = report::LinesOptions {
            color: use_color(global),
            logs: !watch.no_logs,
        };
        serve(
            &runtime,
            opened,
            &mut report::Lines::new(out, telemetry, clock, redactor, options),
        )?
    };
    Ok(exit_code(&ended))
}

fn wish(global: &Global, serve: &Serve) -> Wish {
    Wish {
        global: global.clone(),
        services: serve.services.clone(),
        ports: serve.ports,
        watch: true,
        isolated: serve.copy.isolated.clone(),
    }
}

fn open(opening: Opening, telemetry: &Arc<Telemetry>, clock: &Clock) -> Result<Opened, Failure> {
    let options = opening.options();
    opening.open(options, Arc::clone(telemetry), clock.clone())
}

/// Runs the session to its end; the view is gone when this returns.
pub(super) fn serve<V: View>(
    runtime: &Runtime,
    opened: Opened,
    view: &mut V,
) -> Result<Ended, Failure> {
    let Opened {
        mut world,
        parts,
        lock,
        ..
    } = opened;
    let telemetry = Arc::clone(&parts.telemetry);
    let ended = runtime.block_on(run(parts, &mut world, view));
    telemetry.logs().close();
    drop(lock);
    match world.missing {
        Some(what) => Err(Failure::Missing(what)),
        None => Ok(ended),
    }
}

/// The exit code that a session's end means.
pub(super) fn exit_code(ended: &Ended) -> u8 {
    match (ended.interrupted_by, ended.verdict) {
        (Some(interrupt), _) => interrupt.exit_code(),
        (None, Verdict::Failed) => Failure::FAILED,
        (None, Verdict::Passed | Verdict::Interrupted) => 0,
    }
}
