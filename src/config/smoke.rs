//! `[[smoke]]`: the checks of the stack.

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use crate::stack::{
    Check, CheckKind, CommandExpect, HttpExpect, HttpRequest, RequestBody, ServiceName, TraceExpect,
};

use super::faults;
use super::health::regex;
use super::item::{Item, Section};
use super::problem::quoted;
use super::scope::Scope;
use super::tree::{Node, Span, Value};
use super::words;

/// A check, and where it names services.
#[derive(Debug)]
pub(super) struct DraftCheck {
    /// The check.
    pub(super) check: Check,
    /// Names of services and where they stand.
    pub(super) services: Vec<(String, Span)>,
}

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT",
];

/// Every check of the file.
pub(super) fn read(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<DraftCheck> {
    let Value::List(_) = item.node.value else {
        item.expected("a list of checks, each under [[smoke]]", scope);
        return Vec::new();
    };
    let members = item.list(scope).unwrap_or_default();
    let mut checks: Vec<DraftCheck> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let Some(draft) = check(member, index + 1, scope) else {
            continue;
        };
        let twin = checks
            .iter()
            .any(|other| other.check.name == draft.check.name);
        if twin {
            let message = format!("two smoke checks are called {}", quoted(&draft.check.name));
            scope
                .error(member.span(), message)
                .help("give each a name of its own");
        }
        checks.push(draft);
    }
    checks
}

fn check(item: &Item<'_>, number: usize, scope: &mut Scope<'_>) -> Option<DraftCheck> {
    let mut section = item.section(format!("smoke check {number}"), scope)?;
    let name = section
        .need("name", scope)
        .and_then(|item| item.filled_text(scope).map(str::to_owned));
    if let Some(name) = &name {
        section.of = format!("smoke check {}", quoted(name));
    }
    let mut services = Vec::new();
    let kind = kind(&mut section, &mut services, scope);
    let retries = section
        .take("retries")
        .and_then(|item| item.integer(0, 10_000, scope));
    let retry_delay = section
        .take("retry_delay")
        .and_then(|item| item.duration(scope));
    let timeout = section
        .take("timeout")
        .and_then(|item| item.duration(scope));
    let trace = section
        .take("trace")
        .and_then(|item| trace(&item, &mut services, scope));
    let faults = section
        .take("faults")
        .map(|item| faults::of_check(&item, &mut services, scope));
    let hints = [
        ("url", "write request = { url = \"…\" }"),
        ("status", "write expect = { status = … }"),
    ];
    section.finish(&hints, scope);
    Some(DraftCheck {
        check: Check {
            name: name?,
            kind: kind?,
            retries: retries.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            retry_delay: retry_delay.unwrap_or(Duration::from_millis(500)),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            trace,
            faults: faults.unwrap_or_default(),
        },
        services,
    })
}

type Mentions = Vec<(String, Span)>;

fn kind(
    section: &mut Section<'_>,
    services: &mut Mentions,
    scope: &mut Scope<'_>,
) -> Option<CheckKind> {
    let request = section.take("request");
    let command = section.take("command");
    let inside = section.take("inside");
    let expect = section.take("expect");
    match (request, command) {
        (Some(item), None) => {
            if let Some(inside) = inside {
                inside.invalid("has a meaning only with \"command\"", scope);
            }
            let expect = match &expect {
                Some(expect) => http_expect(expect, scope),
                None => Some(HttpExpect::default()),
            };
            let request = request_of(&item, services, scope);
            Some(CheckKind::Http {
                request: request?,
                expect: expect?,
            })
        }
        (None, Some(item)) => {
            let inside = inside.and_then(|item| {
                let name = item.filled_text(scope)?;
                services.push((name.to_owned(), item.span().clone()));
                Some(ServiceName::new(name))
            });
            let expect = match &expect {
                Some(expect) => command_expect(expect, scope),
                None => Some(CommandExpect::default()),
            };
            Some(CheckKind::Command {
                command: words::shell_command(&item, scope)?,
                inside,
                expect: expect?,
            })
        }
        (given, _) => {
            let what = if given.is_some() { "both" } else { "neither" };
            let span = given.map_or_else(|| section.span.clone(), |item| item.key_span);
            let message = format!("{} has {what} \"request\" and \"command\"", section.of);
            scope
                .error(
                    &span,
                    message.replace("neither \"request\" and", "neither \"request\" nor"),
                )
                .help("a check makes one request or runs one command");
            None
        }
    }
}

fn request_of(
    item: &Item<'_>,
    services: &mut Mentions,
    scope: &mut Scope<'_>,
) -> Option<HttpRequest> {
    if matches!(item.node.value, Value::Text(_)) {
        return Some(HttpRequest {
            method: "GET".into(),
            url: url(item, services, scope)?,
            headers: IndexMap::new(),
            body: RequestBody::Empty,
        });
    }
    let mut section = item.section(item.what.clone(), scope)?;
    let method = section.take("method").and_then(|item| method(&item, scope));
    let url = section
        .need("url", scope)
        .and_then(|item| url(&item, services, scope));
    let headers = section
        .take("headers")
        .map(|item| text_map(&item, scope))
        .unwrap_or_default();
    let text = section.take("body");
    let json = section.take("json");
    section.finish(
        &[(
            "form",
            "write it as \"body\", with its content-type in \"headers\"",
        )],
        scope,
    );
    let body = match (text, json) {
        (None, None) => RequestBody::Empty,
        (Some(text), None) => RequestBody::Text(text.text(scope)?.to_owned()),
        (None, Some(json)) => RequestBody::Json(to_json(json.node)),
        (Some(_), Some(json)) => {
            json.invalid("a request has either \"body\" or \"json\"", scope);
            return None;
        }
    };
    Some(HttpRequest {
        method: method.unwrap_or_else(|| "GET".into()),
        url: url?,
        headers,
        body,
    })
}

fn method(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    let text = item.filled_text(scope)?;
    let upper = text.to_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Some(upper);
    }
    let choices = METHODS.map(|method| (method, ()));
    item.choice(&choices, scope).map(|()| upper)
}

/// The URL; a host of one word is a service.
fn url(item: &Item<'_>, services: &mut Mentions, scope: &mut Scope<'_>) -> Option<String> {
    let text = item.filled_text(scope)?;
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        scope
            .error(
                item.span(),
                format!("{}: {} is not an http URL", item.what, quoted(text)),
            )
            .help("write \"http://SERVICE/path\"");
        return None;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = if host.starts_with('[') {
        host
    } else {
        host.split(':').next().unwrap_or("")
    };
    if host.is_empty() {
        item.invalid("the URL names no host", scope);
        return None;
    }
    let elsewhere = host.contains('.') || host.starts_with('[') || host == "localhost";
    let known = scope.service_names.contains(host);
    if known || !elsewhere {
        let mut place = scope.source.find(&format!("://{host}"), item.span());
        place.start = place.end.saturating_sub(host.len()).max(place.start);
        services.push((host.to_owned(), place));
    }
    Some(text.to_owned())
}

fn text_map(item: &Item<'_>, scope: &mut Scope<'_>) -> IndexMap<String, String> {
    let entries = item.entries(scope).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|(name, item)| Some((name.to_owned(), item.scalar(scope)?)))
        .collect()
}

fn http_expect(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<HttpExpect> {
    let mut section = item.section(item.what.clone(), scope)?;
    let status = section
        .take("status")
        .and_then(|item| item.integer(100, 599, scope));
    let headers = section.take("headers").map(|item| patterns(&item, scope));
    let body = section.take("body").and_then(|item| item.text(scope));
    let body_matches = section
        .take("body_matches")
        .and_then(|item| pattern(&item, scope));
    let json = section.take("json").map(|item| json_paths(&item, scope));
    let within = section.take("within").and_then(|item| item.duration(scope));
    let hints = [
        ("code", "an HTTP answer has a \"status\""),
        ("header", "did you mean \"headers\"?"),
        ("stdout", "an HTTP answer has a \"body\""),
    ];
    section.finish(&hints, scope);
    Some(HttpExpect {
        status: status.and_then(|status| u16::try_from(status).ok()),
        headers: headers.unwrap_or_default(),
        body: body.map(str::to_owned),
        body_matches,
        json: json.unwrap_or_default(),
        within,
    })
}

fn pattern(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    let text = item.text(scope)?;
    regex(item, text, scope).then(|| text.to_owned())
}

fn patterns(item: &Item<'_>, scope: &mut Scope<'_>) -> IndexMap<String, String> {
    let entries = item.entries(scope).unwrap_or_default();
    entries
        .into_iter()
        .filter_map(|(name, item)| Some((name.to_owned(), pattern(&item, scope)?)))
        .collect()
}

/// `JSONPath`s (RFC 9535) and the values they must lead to.
fn json_paths(item: &Item<'_>, scope: &mut Scope<'_>) -> IndexMap<String, Json> {
    let entries = item.entries(scope).unwrap_or_default();
    let mut paths = IndexMap::new();
    for (path, item) in entries {
        if let Err(error) = JsonPath::parse(path) {
            let message = format!("{} is not a JSONPath: {}", quoted(path), error.message());
            scope
                .error(&item.key_span, message)
                .help("begin with $: \"$.state\", \"$.items[0].sku\"");
            continue;
        }
        paths.insert(path.to_owned(), to_json(item.node));
    }
    paths
}

fn command_expect(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<CommandExpect> {
    let mut section = item.section(item.what.clone(), scope)?;
    let code = section
        .take("code")
        .and_then(|item| item.integer(-255, 255, scope));
    let stdout = section.take("stdout").and_then(|item| item.text(scope));
    let stdout_matches = section
        .take("stdout_matches")
        .and_then(|item| pattern(&item, scope));
    let stderr = section.take("stderr").and_then(|item| item.text(scope));
    let hints = [
        ("status", "a command has an exit \"code\""),
        ("body", "a command has \"stdout\""),
    ];
    section.finish(&hints, scope);
    Some(CommandExpect {
        code: code.and_then(|code| i32::try_from(code).ok()).unwrap_or(0),
        stdout: stdout.map(str::to_owned),
        stdout_matches,
        stderr: stderr.map(str::to_owned),
    })
}

fn trace(item: &Item<'_>, services: &mut Mentions, scope: &mut Scope<'_>) -> Option<TraceExpect> {
    let mut section = item.section(item.what.clone(), scope)?;
    let through = section.take("through");
    let errors = section
        .take("errors")
        .and_then(|item| item.integer(0, i64::from(u32::MAX), scope));
    section.finish(&[], scope);
    let mut names = Vec::new();
    for member in through
        .and_then(|item| item.list(scope))
        .unwrap_or_default()
    {
        if let Some(name) = member.filled_text(scope) {
            services.push((name.to_owned(), member.span().clone()));
            names.push(ServiceName::new(name));
        }
    }
    Some(TraceExpect {
        through: names,
        errors: errors.and_then(|errors| u32::try_from(errors).ok()),
    })
}

/// The value as JSON; dates become texts.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Text(text) | Value::Moment(text) => Json::from(text.clone()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Boolean(yes) => Json::from(*yes),
        Value::List(nodes) => nodes.iter().map(to_json).collect(),
        Value::Table(table) => table
            .entries
            .iter()
            .map(|entry| (entry.key.clone(), to_json(&entry.node)))
            .collect(),
    }
}
