//! A smoke test's report as `JUnit` XML: a suite for the services, whose cases are that each becomes ready, and one for the checks.

use std::collections::HashMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::outcome::{CheckReport, CheckResult, ServiceReport, SmokeReport};

/// The report as XML, as Jenkins, GitLab, GitHub actions and others read it.
pub fn junit(report: &SmokeReport) -> String {
    let mut document = Report::new(report.stack.as_str());
    document.set_time(Duration::from_millis(report.ms));
    let services = report
        .services
        .iter()
        .map(|service| service_case(report, service));
    let checks = report.checks.iter().map(|check| check_case(report, check));
    document.add_test_suite(suite(report, "services", services));
    document.add_test_suite(suite(report, "checks", checks));
    without_root_skipped(&document.to_string().unwrap_or_default())
}

/// The XML without the `skipped` count on its root, which the strictest of the common schemas (Jenkins') does not allow.
fn without_root_skipped(xml: &str) -> String {
    let Some((before, root)) = xml.split_once("<testsuites") else {
        return xml.to_owned();
    };
    let (root, after) = root.split_once('>').unwrap_or((root, ""));
    let count = root.find(" skipped=\"").and_then(|start| {
        let value = start + " skipped=\"".len();
        Some(start..value + root[value..].find('"')? + 1)
    });
    let mut root = root.to_owned();
    if let Some(count) = count {
        root.replace_range(count, "");
    }
    format!("{before}<testsuites{root}>{after}")
}

fn suite(report: &SmokeReport, what: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(format!("{}.{what}", report.stack));
    // Without fraction and zone, as the schemas want it.
    let began = report.began.split('.').next().unwrap_or_default();
    suite.extra.insert("timestamp".into(), began.into());
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut time = Duration::ZERO;
    for mut case in cases {
        // Readers tell cases apart by their names, and two checks may have one name.
        let count = seen.entry(case.name.as_str().to_owned()).or_default();
        *count += 1;
        if *count > 1 {
            case.name = format!("{} ({count})", case.name.as_str()).into();
        }
        case.set_classname(format!("{}.{what}", report.stack));
        time += case.time.unwrap_or_default();
        suite.add_test_case(case);
    }
    suite.set_time(time);
    suite
}

fn service_case(report: &SmokeReport, service: &ServiceReport) -> TestCase {
    let status = match (&service.failure, service.ready) {
        (None, true) => TestCaseStatus::success(),
        (None, false) => skipped(&format!("{} when the test ended", service.status)),
        (Some(failure), _) => {
            let probe = service
                .probe
                .as_ref()
                .map(|said| format!("its probe last said: {said}"));
            let lines: Vec<&str> = probe
                .iter()
                .map(String::as_str)
                .chain(service.last_lines.iter().map(String::as_str))
                .collect();
            failed(failure, &lines.join("\n"), "not-ready")
        }
    };
    let mut case = TestCase::new(format!("service {} becomes ready", service.service), status);
    case.set_time(Duration::from_millis(service.ready_ms.unwrap_or(report.ms)));
    if !service.last_lines.is_empty() {
        case.set_system_out(service.last_lines.join("\n"));
    }
    case
}

fn check_case(report: &SmokeReport, check: &CheckReport) -> TestCase {
    let status = match check.result {
        CheckResult::Passed => TestCaseStatus::success(),
        CheckResult::Skipped => {
            let why = report.why.as_deref().unwrap_or("the test was interrupted");
            skipped(&format!("not tried to its end: {why}"))
        }
        CheckResult::Failed => {
            let tries = format!("tries: {}", check.tries);
            let trace = check.trace.as_ref().map(|trace| format!("trace: {trace}"));
            let mut lines: Vec<&str> = check.failures.iter().map(String::as_str).collect();
            lines.push(&tries);
            lines.extend(trace.as_deref());
            failed(
                &check.failures.join("; "),
                &lines.join("\n"),
                "check-failed",
            )
        }
    };
    let mut case = TestCase::new(check.check.as_str(), status);
    case.set_time(Duration::from_millis(check.ms));
    if check.result == CheckResult::Failed && !check.answer.is_empty() {
        case.set_system_out(check.answer.as_str());
    }
    case
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    status
}

fn failed(message: &str, details: &str, kind: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(message)
        .set_type(kind)
        .set_description(details);
    status
}

#[cfg(test)]
mod tests;
