//! `boatyard smoke`: brings the stack up, checks it, reports, and takes it down.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::opening::{Opening, Wish};
use super::serve::{exit_code, serve};
use super::{Failure, doing, runtime, use_color};
use crate::adapters::trace_file::{self, Format};
use crate::cli::{Global, Smoke};
use crate::engine::Options;
use crate::report;
use crate::runtime::Clock;
use crate::stack::Stack;
use crate::telemetry::Telemetry;

/// Runs the checks and writes the reports that were asked for, however the test ended.
pub(super) fn smoke(global: &Global, smoke: &Smoke) -> Result<u8, Failure> {
    let wish = Wish {
        global: global.clone(),
        services: Vec::new(),
        ports: smoke.ports,
        watch: false,
        isolated: smoke.copy.isolated.clone(),
    };
    let mut opening = Opening::new(wish)?;
    keep_checks(Arc::make_mut(&mut opening.stack), &smoke.checks)?;
    let (telemetry, clock) = (Arc::new(Telemetry::default()), Clock::start());
    let redactor = report::redactor(&opening.stack.redact);
    let mut view = report::Smoke::new(
        Box::new(io::stdout()),
        clock.clone(),
        redactor,
        use_color(global),
    );
    let runtime = runtime()?;
    let guard = runtime.enter();
    let options = Options {
        smoke: Some((smoke.timeout, smoke.keep)),
        ..opening.options()
    };
    let opened = opening.open(options, Arc::clone(&telemetry), clock)?;
    opened.print_exports();
    drop(guard);
    let ended = serve(&runtime, opened, &mut view);
    let report = view.report();
    // What was printed is complete before anything else is said.
    drop(view);
    if let Some(path) = &smoke.traces {
        // Nobody who called is still at it.
        telemetry.join(jiff::Timestamp::MAX);
        let parts = doing::parts(&telemetry, &[]);
        let edges = telemetry.edges(&parts);
        write(path, &trace_file::write(Format::Otlp, &parts, &edges))?;
    }
    if let Some(report) = report {
        if let Some(path) = &smoke.junit {
            write(path, &report::junit(&report))?;
        }
        if let Some(path) = &smoke.json {
            write(path, &report::json_report(&report))?;
        }
    }
    Ok(exit_code(&ended?))
}

/// Keeps the named checks; a name that no check has is the command line's fault.
fn keep_checks(stack: &mut Stack, names: &[String]) -> Result<(), Failure> {
    if let Some(unknown) = names
        .iter()
        .find(|name| stack.smoke.iter().all(|check| check.name != **name))
    {
        let known: Vec<String> = stack
            .smoke
            .iter()
            .map(|check| format!("  {}", check.name))
            .collect();
        let known = if known.is_empty() {
            "it has none".into()
        } else {
            format!("its checks are\n{}", known.join("\n"))
        };
        return Err(Failure::Wrong(format!(
            "error: the stack has no check \"{unknown}\"\nhelp: {known}"
        )));
    }
    if !names.is_empty() {
        stack.smoke.retain(|check| names.contains(&check.name));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| {
        Failure::io(
            &format!("cannot write the report {}", path.display()),
            &error,
        )
    })
}
