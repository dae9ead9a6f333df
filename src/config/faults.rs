//! `faults`: what is done to requests on purpose, for a service or while a smoke check is tried.

use crate::stack::{Callers, ErrorFault, Fault, ServiceFault, ServiceName, Share};

use super::item::{Item, Section};
use super::problem::quoted;
use super::scope::Scope;
use super::size;
use super::tree::{Span, Value};

/// Services that are named, and where.
pub(super) type Mentions = Vec<(String, Span)>;

const HINTS: [(&str, &str); 9] = [
    ("delay", "did you mean \"latency\"?"),
    (
        "status",
        "write error = 503, or error = { status = 503, rate = 0.1 }",
    ),
    ("errors", "did you mean \"error\"?"),
    ("reset", "did you mean \"abort\"?"),
    ("aborts", "did you mean \"abort\"?"),
    (
        "rate",
        "write error = { status = 503, rate = 0.1 }, or abort = 0.1",
    ),
    ("caller", "did you mean \"from\"?"),
    ("to", "did you mean \"service\", in a smoke check?"),
    ("throttle", "did you mean \"bandwidth\"?"),
];

/// The faults of a service.
pub(super) fn of_service(
    item: &Item<'_>,
    mentions: &mut Mentions,
    scope: &mut Scope<'_>,
) -> Vec<Fault> {
    let members = item.list(scope).unwrap_or_default();
    let read = |member: &Item<'_>| {
        let mut section = member.section(item.what.clone(), scope)?;
        let fault = fault(&mut section, mentions, scope);
        finish(section, &fault?, scope)
    };
    members.iter().filter_map(read).collect()
}

/// The faults of a smoke check, each with its service.
pub(super) fn of_check(
    item: &Item<'_>,
    mentions: &mut Mentions,
    scope: &mut Scope<'_>,
) -> Vec<ServiceFault> {
    let members = item.list(scope).unwrap_or_default();
    let read = |member: &Item<'_>| {
        let mut section = member.section(item.what.clone(), scope)?;
        let service = section.need("service", scope);
        let service = service.and_then(|item| {
            let name = item.filled_text(scope)?;
            mentions.push((name.to_owned(), item.span().clone()));
            Some(ServiceName::new(name))
        });
        let fault = fault(&mut section, mentions, scope);
        let fault = finish(section, &fault?, scope)?;
        Some(ServiceFault {
            service: service?,
            fault,
        })
    };
    members.iter().filter_map(read).collect()
}

fn fault(
    section: &mut Section<'_>,
    mentions: &mut Mentions,
    scope: &mut Scope<'_>,
) -> Option<Fault> {
    let mut read = Fault::default();
    if let Some(item) = section.take("from") {
        read.from = from(&item, mentions, scope)?;
    }
    for (key, time) in [("latency", &mut read.latency), ("jitter", &mut read.jitter)] {
        if let Some(item) = section.take(key) {
            *time = item.duration(scope)?;
        }
    }
    if let Some(item) = section.take("error") {
        read.error = Some(error(&item, scope)?);
    }
    if let Some(item) = section.take("abort") {
        read.abort = abort(&item, scope)?;
    }
    if let Some(item) = section.take("bandwidth") {
        read.bandwidth = Some(bandwidth(&item, scope)?);
    }
    Some(read)
}

/// Notes unknown keys, and a fault that does nothing.
fn finish(section: Section<'_>, fault: &Fault, scope: &mut Scope<'_>) -> Option<Fault> {
    let (span, of) = (section.span.clone(), section.of.clone());
    if !section.finish(&HINTS, scope) {
        return None;
    }
    if fault.is_none() {
        scope
            .error(&span, format!("{of}: this fault does nothing"))
            .help("give it latency = \"200ms\", error = 503, abort = 0.1 or bandwidth = \"1MB/s\"");
        return None;
    }
    Some(fault.clone())
}

fn from(item: &Item<'_>, mentions: &mut Mentions, scope: &mut Scope<'_>) -> Option<Callers> {
    let text = item.filled_text(scope)?;
    if text == Callers::FRONT_DOOR {
        return Some(Callers::FrontDoor);
    }
    mentions.push((text.to_owned(), item.span().clone()));
    Some(Callers::Service(ServiceName::new(text)))
}

/// `503`, or `{ status = 503, rate = 0.1 }`.
fn error(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<ErrorFault> {
    let status = |item: &Item<'_>, scope: &mut Scope<'_>| {
        let number = item.integer(400, 599, scope)?;
        u16::try_from(number).ok()
    };
    if item.as_table().is_none() {
        return Some(ErrorFault {
            status: status(item, scope)?,
            share: Share::ALL,
        });
    }
    let mut section = item.section(item.what.clone(), scope)?;
    let code = section
        .need("status", scope)
        .and_then(|item| status(&item, scope));
    let rate = match section.take("rate") {
        Some(item) => share(&item, scope),
        None => Some(Share::ALL),
    };
    section.finish(&[("share", "did you mean \"rate\"?")], scope);
    Some(ErrorFault {
        status: code?,
        share: rate?,
    })
}

/// `true`, `false` or a rate.
#[expect(
    clippy::option_option,
    reason = "nothing read, or read that there is none"
)]
fn abort(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<Share>> {
    match item.node.value {
        Value::Boolean(yes) => Some(yes.then_some(Share::ALL)),
        _ => share(item, scope).map(Some),
    }
}

/// A number between 0 and 1.
fn share(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Share> {
    let number = match &item.node.value {
        Value::Float(number) => Some(*number),
        Value::Integer(0) => Some(0.0),
        Value::Integer(1) => Some(1.0),
        Value::Text(text) if item.node.expanded => text.trim().parse().ok(),
        _ => None,
    };
    let share = number.and_then(Share::of);
    if share.is_none() {
        item.invalid("expected a number between 0 and 1, such as 0.1", scope);
    }
    share
}

/// `"1MB/s"`; the `/s` may be left out.
fn bandwidth(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<u64> {
    const HELP: &str = "write bytes a second with a unit: \"64kB/s\", \"1MB/s\"";
    let text = item.filled_text(scope)?;
    let bytes = text.trim().strip_suffix("/s").unwrap_or(text);
    let message = match size::parse(bytes) {
        Ok(0) => format!("{}: nothing would ever pass", item.what),
        Ok(bytes) => return Some(bytes),
        Err(_) => format!("{}: {} is not a bandwidth", item.what, quoted(text)),
    };
    scope.error(item.span(), message).help(HELP);
    None
}
