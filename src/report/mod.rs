//! The views without a screen: lines, JSON, smoke reports.

mod feed;
mod json;
mod junit;
mod lines;
mod log_lines;
mod outcome;
mod paint;
mod sink;
mod smoke;
mod speak;
mod summary;
mod traces;

pub use json::Json;
pub use junit::junit;
pub use lines::{Lines, LinesOptions};
pub use log_lines::LogLines;
pub use outcome::{CheckReport, CheckResult, ServiceReport, SmokeReport, json_report};
pub use smoke::Smoke;
pub use speak::{complain, print, print_on, stderr_has_color};
pub use traces::{traces_json, traces_lines};

use crate::text::Redactor;

/// Masks these secrets in whatever a report says.
pub fn redactor(secrets: &[String]) -> Redactor {
    Redactor::new(secrets)
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod notices_test;
