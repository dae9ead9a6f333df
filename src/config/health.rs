//! `health`: how the health of a service is asked for.

use regex::Regex;

use crate::stack::{Health, HttpProbe, Probe};

use super::item::{Item, Section};
use super::scope::Scope;
use super::tree::Value;
use super::words;

const HINTS: [(&str, &str); 3] = [
    ("test", "did you mean \"exec\"?"),
    ("cmd", "did you mean \"exec\"?"),
    (
        "start_interval",
        "Boatyard asks often while a service starts; leave it out",
    ),
];

/// A service's health probe.
pub(super) fn read(item: &Item<'_>, of: &str, scope: &mut Scope<'_>) -> Option<Health> {
    if matches!(item.node.value, Value::Text(_)) {
        item.expected("a table such as { http = \"/healthz\" }", scope);
        return None;
    }
    let mut section = item.section(format!("the health of {of}"), scope)?;
    let probe = probe(&mut section, item, scope);
    let mut health = Health::new(probe.clone().unwrap_or(Probe::Tcp { port: None }));
    if let Some(time) = positive(&mut section, "interval", scope) {
        health.interval = time;
    }
    if let Some(time) = positive(&mut section, "timeout", scope) {
        health.timeout = time;
    }
    if let Some(retries) = section.take("retries") {
        let number = retries.integer(1, 1_000_000, scope);
        health.retries = number
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(health.retries);
    }
    if let Some(time) = section
        .take("start_period")
        .and_then(|item| item.duration(scope))
    {
        health.start_period = time;
    }
    section.finish(&HINTS, scope);
    probe.map(|_| health)
}

/// A duration above zero.
fn positive(
    section: &mut Section<'_>,
    key: &'static str,
    scope: &mut Scope<'_>,
) -> Option<std::time::Duration> {
    let item = section.take(key)?;
    let time = item.duration(scope)?;
    if time.is_zero() {
        item.invalid("must be longer than nothing", scope);
        return None;
    }
    Some(time)
}

/// The one probe that is asked for.
fn probe(section: &mut Section<'_>, item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Probe> {
    let kinds = ["http", "tcp", "grpc", "exec", "log"];
    let given: Vec<(&str, Item<'_>)> = kinds
        .into_iter()
        .filter_map(|kind| section.take(kind).map(|found| (kind, found)))
        .collect();
    match given.as_slice() {
        [] => {
            scope
                .error(item.span(), format!("{}: no question is given", item.what))
                .help("give one of http, tcp, grpc, exec and log");
            None
        }
        [(kind, found)] => match *kind {
            "http" => http(found, scope),
            "tcp" => port_or_true(found, scope).map(|port| Probe::Tcp { port }),
            "grpc" => grpc(found, scope),
            "exec" => words::shell_command(found, scope).map(Probe::Exec),
            _ => log(found, scope),
        },
        [first, second, ..] => {
            let message = format!("{}: both {} and {} are given", item.what, first.0, second.0);
            scope
                .error(&second.1.key_span, message)
                .help("a service has one health probe; keep one");
            None
        }
    }
}

/// `"/path"`, `":PORT/path"`, or a table.
fn http(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Probe> {
    if item.as_table().is_none() {
        let text = item.text(scope)?;
        let (port, path) = match split_port(text) {
            Ok(parts) => parts,
            Err(why) => {
                scope
                    .error(item.span(), format!("{}: {why}", item.what))
                    .help("write \"/path\", or \":PORT/path\"");
                return None;
            }
        };
        return Some(Probe::Http(HttpProbe {
            path: path.to_owned(),
            port,
            status: None,
        }));
    }
    let mut section = item.section(item.what.clone(), scope)?;
    let path = section.take("path");
    let port = section.take("port");
    let status = section.take("status");
    section.finish(&[], scope);
    let path = match &path {
        Some(path) => path.text(scope)?,
        None => "/",
    };
    if !path.starts_with('/') {
        item.invalid("the path must begin with \"/\"", scope);
        return None;
    }
    Some(Probe::Http(HttpProbe {
        path: path.to_owned(),
        port: port.and_then(|port| port.port(scope)),
        status: status
            .and_then(|status| status.integer(100, 599, scope))
            .and_then(|status| u16::try_from(status).ok()),
    }))
}

/// The port and the path of `[http://localhost][:PORT]/path`.
fn split_port(text: &str) -> Result<(Option<u16>, &str), String> {
    let rest = ["http://localhost", "http://127.0.0.1"]
        .iter()
        .find_map(|host| text.strip_prefix(host))
        .unwrap_or(text);
    let (port, path) = match rest.strip_prefix(':') {
        None => (None, rest),
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let port = rest[..end].parse().ok().filter(|port: &u16| *port > 0);
            let port = port.ok_or_else(|| format!("\"{}\" is not a port", &rest[..end]))?;
            (Some(port), &rest[end..])
        }
    };
    match path {
        "" if rest.len() != text.len() || port.is_some() => Ok((port, "/")),
        path if path.starts_with('/') => Ok((port, path)),
        _ => Err(format!("\"{text}\" is not a path")),
    }
}

/// A port, or `true` for the service's own.
#[expect(
    clippy::option_option,
    reason = "outer: could be read; inner: which port, if not the service's own"
)]
fn port_or_true(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Option<u16>> {
    match &item.node.value {
        Value::Boolean(true) => Some(None),
        Value::Table(_) => {
            let mut section = item.section(item.what.clone(), scope)?;
            let port = section.take("port").map(|port| port.port(scope));
            section.finish(&[], scope);
            Some(port.flatten())
        }
        Value::Integer(_) => item.port(scope).map(Some),
        Value::Text(_) if item.node.expanded => item.port(scope).map(Some),
        _ => {
            item.expected("a port, or true for the service's own", scope);
            None
        }
    }
}

/// A port, `true`, the name of a gRPC service, or a table.
fn grpc(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Probe> {
    match &item.node.value {
        Value::Text(service) if !item.node.expanded => Some(Probe::Grpc {
            port: None,
            service: service.clone(),
        }),
        Value::Table(_) => {
            let mut section = item.section(item.what.clone(), scope)?;
            let port = section.take("port").map(|port| port.port(scope));
            let service = section.take("service").and_then(|name| name.text(scope));
            section.finish(&[], scope);
            Some(Probe::Grpc {
                port: port.flatten(),
                service: service.unwrap_or_default().to_owned(),
            })
        }
        _ => port_or_true(item, scope).map(|port| Probe::Grpc {
            port,
            service: String::new(),
        }),
    }
}

fn log(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Probe> {
    let pattern = item.filled_text(scope)?;
    regex(item, pattern, scope).then(|| Probe::Log(pattern.to_owned()))
}

/// Whether this is a regular expression; a problem is noted when not.
pub(super) fn regex(item: &Item<'_>, pattern: &str, scope: &mut Scope<'_>) -> bool {
    let Err(error) = Regex::new(pattern) else {
        return true;
    };
    let shown = error.to_string();
    let why = shown.lines().last().unwrap_or(&shown);
    let why = why.trim().trim_start_matches("error: ").to_owned();
    scope
        .error(
            item.span(),
            format!("{}: not a regular expression: {why}", item.what),
        )
        .help("put \\ before a character that is meant as itself");
    false
}
