//! `hold`: how long and how many requests wait for a service that is not ready.

use std::time::Duration;

use crate::stack::Holding;

use super::item::Item;
use super::scope::Scope;
use super::tree::Value;

/// Most requests that may be held for one service: each keeps a connection open.
const MOST: i64 = 100_000;

/// `"10s"`, `{ time = "10s", requests = 1000 }`, or `false`; what is not said is as in `default`.
pub(super) fn read(item: &Item<'_>, default: Holding, scope: &mut Scope<'_>) -> Option<Holding> {
    match &item.node.value {
        Value::Boolean(false) => Some(Holding::OFF),
        Value::Boolean(true) => Some(Holding::default()),
        Value::Table(_) => table(item, default, scope),
        Value::Text(text) if item.node.expanded && text == "false" => Some(Holding::OFF),
        Value::Text(_) | Value::Integer(_) => Some(Holding {
            time: time(item, scope)?,
            ..or_usual(default)
        }),
        Value::Float(_) | Value::Moment(_) | Value::List(_) => {
            item.expected("a duration such as \"10s\", a table or false", scope);
            None
        }
    }
}

fn table(item: &Item<'_>, default: Holding, scope: &mut Scope<'_>) -> Option<Holding> {
    let mut section = item.section(item.what.clone(), scope)?;
    let mut holding = or_usual(default);
    if let Some(time) = section.take("time").and_then(|item| time(&item, scope)) {
        holding.time = time;
    }
    let requests = section.take("requests");
    if let Some(requests) = requests.and_then(|item| item.integer(1, MOST, scope)) {
        holding.requests = u32::try_from(requests).unwrap_or(holding.requests);
    }
    let hints = [
        ("timeout", "did you mean \"time\"?"),
        ("max", "did you mean \"requests\"?"),
    ];
    section.finish(&hints, scope);
    Some(holding)
}

/// Whoever says how long does want requests to be held.
fn or_usual(default: Holding) -> Holding {
    if default.is_off() {
        Holding::default()
    } else {
        default
    }
}

fn time(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Duration> {
    let time = item.duration(scope)?;
    if time.is_zero() {
        let message = format!("{}: must be longer than nothing", item.what);
        scope
            .error(item.span(), message)
            .help("to refuse requests at once write hold = false");
        return None;
    }
    Some(time)
}
