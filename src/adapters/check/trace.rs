//! The trace of a check's request compared with the expected one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::stack::{ServiceName, TraceExpect};
use crate::telemetry::{Exchange, ExchangeStatus, Telemetry, TraceId, grpc};

/// How long exchanges are awaited that end after the answer has come.
const PATIENCE: Duration = Duration::from_millis(500);

/// How the trace differs from the expected one, as soon as it does not any more or patience has ended.
pub(super) async fn failures(
    expect: &TraceExpect,
    trace: TraceId,
    telemetry: &Telemetry,
) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut changes = telemetry.changes();
    loop {
        changes.mark_unchanged();
        let exchanges = telemetry.exchanges().trace(trace);
        // The exchange at the front door ends last: once it is there, nothing of the answer's making is missing.
        let is_whole = exchanges.iter().any(|exchange| exchange.caller.is_none());
        let failures = compare(expect, exchanges);
        if failures.is_empty() && is_whole {
            return failures;
        }
        if !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
            return failures;
        }
    }
}

fn compare(expect: &TraceExpect, mut exchanges: Vec<Arc<Exchange>>) -> Vec<String> {
    if exchanges.is_empty() {
        return vec![
            "trace: found no exchange; only requests through front doors are traced".into(),
        ];
    }
    exchanges.sort_by_key(|exchange| exchange.started);
    let mut failures = Vec::new();
    let mut passed = exchanges.iter().map(|exchange| &exchange.callee);
    if !expect
        .through
        .iter()
        .all(|wanted| passed.any(|callee| callee == wanted))
    {
        let wanted = chain(expect.through.iter());
        let found = chain(exchanges.iter().map(|exchange| &exchange.callee));
        failures.push(format!("trace: expected to pass {wanted}, found {found}"));
    }
    let errors: Vec<String> = exchanges
        .iter()
        .filter(|exchange| exchange.is_error())
        .map(|e| in_words(e))
        .collect();
    if let Some(most) = expect.errors
        && errors.len() > most as usize
    {
        let (found, which) = (errors.len(), errors.join("; "));
        failures.push(format!(
            "trace: expected at most {most} errors, found {found}: {which}"
        ));
    }
    failures
}

fn chain<'a>(services: impl Iterator<Item = &'a ServiceName>) -> String {
    services
        .map(ServiceName::as_str)
        .collect::<Vec<_>>()
        .join(" → ")
}

fn in_words(exchange: &Exchange) -> String {
    let caller = exchange
        .caller
        .as_ref()
        .map_or("outside", ServiceName::as_str);
    let status = match &exchange.status {
        ExchangeStatus::Http(code) => code.to_string(),
        ExchangeStatus::Grpc(code) => grpc::name(*code).to_owned(),
        ExchangeStatus::Failed(why) => why.clone(),
        ExchangeStatus::CallerLeft => "the caller left".into(),
        ExchangeStatus::Bytes => "bytes".into(),
        ExchangeStatus::Open => "open".into(),
    };
    let Exchange {
        method,
        path,
        callee,
        ..
    } = exchange;
    format!("{caller} → {callee} {method} {path}: {status}")
}
