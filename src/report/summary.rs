//! A smoke test's summary for people.

use super::lines::Printer;
use super::outcome::{CheckReport, CheckResult, ServiceReport, SmokeReport};
use super::paint::{bold, colored, dim};
use super::smoke::verdict_word;
use crate::engine::Verdict;
use crate::story::{counted, millis, tries_words};
use crate::text::{Style, pad, width};

/// What came of the test, the verdict last.
pub(super) fn summary(report: &SmokeReport, printer: &Printer) -> String {
    let paint = printer.paint();
    let services = report
        .services
        .iter()
        .map(|service| width(service.service.as_str()));
    let checks = report.checks.iter().map(|check| width(&check.check));
    let columns = services.chain(checks).max().unwrap_or(0).min(60);
    let mut rows = vec![String::new(), paint.text("Services", bold())];
    for service in &report.services {
        rows.extend(service_rows(service, columns, printer));
    }
    if !report.checks.is_empty() {
        rows.extend([String::new(), paint.text("Checks", bold())]);
    }
    for check in &report.checks {
        rows.extend(check_rows(check, columns, printer));
    }
    rows.push(String::new());
    rows.extend(
        report
            .left_behind
            .iter()
            .map(|what| format!("left behind: {what}")),
    );
    rows.push(verdict(report, printer));
    rows.join("\n") + "\n"
}

fn service_rows(service: &ServiceReport, columns: usize, printer: &Printer) -> Vec<String> {
    let name = pad(service.service.as_str(), columns);
    let ready = service
        .ready_ms
        .map(|ms| format!("{} after {}", service.status, millis(ms)));
    let (sign, style, said) = match (&service.failure, service.ready) {
        (Some(failure), _) => ("✗", colored(1), failure.clone()),
        (None, true) => ("✓", colored(2), ready.unwrap_or_default()),
        (None, false) => ("-", dim(), service.status.clone()),
    };
    let mut rows = vec![row(sign, style, &name, &said, printer)];
    if service.failure.is_some() {
        let probe = service.probe.as_ref();
        rows.extend(probe.map(|said| format!("      its probe last said: {said}")));
        let lines = service.last_lines.iter();
        let bar = printer.paint().text("│", dim());
        rows.extend(lines.map(|line| format!("      {bar} {line}")));
    }
    rows
}

fn check_rows(check: &CheckReport, columns: usize, printer: &Printer) -> Vec<String> {
    let name = pad(&printer.clean(&check.check), columns);
    let time = format!("{}{}", millis(check.ms), tries_words(check.tries));
    let (sign, style, said) = match check.result {
        CheckResult::Passed => ("✓", colored(2), time),
        CheckResult::Failed => ("✗", colored(1), time),
        CheckResult::Skipped => ("-", dim(), "not tried to its end".into()),
    };
    let mut rows = vec![row(sign, style, &name, &said, printer)];
    if check.result == CheckResult::Failed {
        rows.extend(
            check
                .failures
                .iter()
                .map(|failure| format!("      {failure}")),
        );
        let bar = printer.paint().text("│", dim());
        rows.extend(
            check
                .answer
                .lines()
                .take(20)
                .map(|line| format!("      {bar} {line}")),
        );
        let trace = check.trace.as_ref();
        rows.extend(trace.map(|trace| format!("      trace {trace}")));
    }
    rows
}

fn row(sign: &str, style: Style, name: &str, said: &str, printer: &Printer) -> String {
    let paint = printer.paint();
    let said = if sign == "✗" {
        paint.text(said, style)
    } else {
        said.to_owned()
    };
    format!("  {} {name}  {said}", paint.text(sign, style))
}

fn verdict(report: &SmokeReport, printer: &Printer) -> String {
    let took = millis(report.ms);
    let word = verdict_word(report.verdict);
    let passed = report
        .checks
        .iter()
        .filter(|check| check.result == CheckResult::Passed)
        .count();
    let services = counted(report.services.len() as u64, "service");
    let checks = counted(passed as u64, "check");
    let because = report
        .why
        .as_ref()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    let (sign, style, text) = match report.verdict {
        Verdict::Passed => (
            "✓",
            colored(2),
            format!("passed: {services} ready, {checks} passed, in {took}"),
        ),
        Verdict::Failed => ("✗", colored(1), format!("{word}{because} (after {took})")),
        Verdict::Interrupted => (
            "-",
            Style::default(),
            format!("{word}{because} (after {took})"),
        ),
    };
    printer.paint().text(&format!("{sign} {text}"), style)
}
