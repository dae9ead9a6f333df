//! What a filter asks, and how log lines and exchanges answer.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::fmt::Write;

use super::fault::FaultKind;
use super::fuzzy::Fuzzy;
use crate::stack::ServiceName;
use crate::telemetry::exchange::{Exchange, ExchangeStatus};
use crate::telemetry::grpc;
use crate::telemetry::level::Level;
use crate::telemetry::line;
use crate::telemetry::log::LogLine;
use crate::telemetry::search::Search;
use crate::telemetry::span::{Span, SpanStatus};
use crate::telemetry::what::What;
use crate::text;

/// The fields and what they mean.
pub(super) const FIELDS: &[(&str, &str)] = &[
    ("service", "who said it, called or was called"),
    ("level", "trace, debug, info, warn, error, fatal"),
    ("stream", "stdout, stderr, build, otlp, mark"),
    (
        "kind",
        "what a notice is about: build, run, change, …; or its name: build-failed",
    ),
    ("run", "number of the run"),
    ("caller", "who called; outside: nobody of the stack"),
    ("callee", "who was called"),
    ("method", "GET, POST, …"),
    ("path", "path and query"),
    (
        "status",
        "500, 5xx; an unreachable callee counts as 502, a caller that left as 499",
    ),
    ("grpc", "code of gRPC: 14, unavailable"),
    ("ms", "time taken: 100, 1.5s"),
    ("held", "time held: 100, 1.5s"),
    ("bytes", "size of the answer's body"),
    (
        "fault",
        "what was done to it on purpose: latency, error, abort, bandwidth; the word alone: anything",
    ),
    ("trace", "id of the trace, or its beginning"),
    (
        "field.NAME",
        "what a line of a known form, or a span, says under that name: field.user.id=17, field.ms>100",
    ),
];

/// The caller of what came through a front door.
const OUTSIDE: &str = "outside";

/// A filter in the form of a tree.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// All of these.
    All(Vec<Node>),
    /// One of these.
    Any(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    /// Found in what it says.
    Text(Search),
    /// Some of its letters are found in what it says.
    Fuzzy(Fuzzy),
    /// Failed, or has that word.
    Error(Search),
    /// One of a name's values is one of these, whatever their case.
    Name(NameField, Vec<String>),
    /// One of a name's values has this in it.
    NameHas(NameField, Search),
    /// A number in this range, both ends included.
    Number(NumberField, f64, f64),
    /// A number beyond this one.
    NumberIs(NumberField, Order, f64),
    /// A level.
    Level(Order, Level),
    /// One of these was done to it on purpose.
    Faults(Vec<FaultKind>),
    /// Something was done to it on purpose, or has that word.
    AnyFault(Search),
    /// Has this in the words of what was done to it on purpose.
    FaultHas(Search),
    /// A trace whose id begins so.
    Trace(String),
    /// What is said under a name of its own.
    Field(String, Test),
}

/// What is asked of a value that may be anything.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// It is one of these, as a number or as a text of any case.
    Is(Vec<String>),
    /// It has this in it.
    Has(Search),
    /// It is a number beyond this one.
    Compares(Order, f64),
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => wanted.iter().any(|wanted| {
                wanted.eq_ignore_ascii_case(value)
                    || matches!((number(wanted), number(value)), (Some(one), Some(other)) if one.total_cmp(&other).is_eq())
            }),
            Self::Has(search) => search.is_in(value),
            Self::Compares(order, wanted) => {
                order.holds(number(value).and_then(|value| value.partial_cmp(wanted)))
            }
        }
    }
}

/// A number; with a unit of time, in milliseconds.
pub(super) fn number(value: &str) -> Option<f64> {
    let digits = value.trim_end_matches(|letter: char| letter.is_alphabetic());
    let factor = match &value[digits.len()..] {
        "" | "ms" => 1.0,
        "ns" => 1e-6,
        "us" | "µs" => 1e-3,
        "s" => 1e3,
        "m" => 6e4,
        "h" => 3.6e6,
        _ => return None,
    };
    let number: f64 = digits.trim_end().parse().ok()?;
    number.is_finite().then_some(number * factor)
}

/// How what is found must compare with what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameField {
    Service,
    Caller,
    Callee,
    Method,
    Path,
    Stream,
    Grpc,
    Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberField {
    Run,
    Status,
    Millis,
    Held,
    Bytes,
}

impl Order {
    fn holds(self, found: Option<Ordering>) -> bool {
        match (self, found) {
            (_, None) => false,
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
            (Self::Greater, Some(order)) => order.is_gt(),
        }
    }
}

/// Something that can be asked.
pub(super) trait Subject {
    /// All that it says, as people see it.
    fn text(&self) -> Cow<'_, str>;
    /// The values of a name; empty where it has none.
    fn names(&self, field: NameField) -> [&str; 2];
    /// A number, if it has it.
    fn number(&self, field: NumberField) -> Option<f64>;
    /// Whether it is a request or a span that failed.
    fn failed(&self) -> bool;
    /// What was done to it on purpose, in words, if it is a request and something was.
    fn fault(&self) -> Option<&str>;
    /// How serious it is, if it says so.
    fn level(&self) -> Option<Level>;
    /// Whether it belongs to a trace whose id begins so.
    fn is_of_trace(&self, beginning: &str) -> bool;
    /// What it says under a name of its own.
    fn field(&self, name: &str) -> Option<Cow<'_, str>>;
}

impl Node {
    pub(super) fn matches(&self, subject: &impl Subject) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().all(|node| node.matches(subject)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(subject)),
            Self::Not(node) => !node.matches(subject),
            Self::Text(search) => search.is_in(&subject.text()),
            Self::Fuzzy(fuzzy) => fuzzy.is_in(&subject.text()),
            Self::Error(search) => subject.failed() || search.is_in(&subject.text()),
            Self::Name(field, wanted) => known(subject.names(*field)).any(|name| {
                wanted
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
            }),
            Self::NameHas(field, search) => {
                known(subject.names(*field)).any(|name| search.is_in(name))
            }
            Self::Number(field, least, most) => subject
                .number(*field)
                .is_some_and(|number| (*least..=*most).contains(&number)),
            Self::NumberIs(field, order, wanted) => {
                let found = subject.number(*field);
                order.holds(found.and_then(|found| found.partial_cmp(wanted)))
            }
            Self::Level(order, level) => order.holds(subject.level().map(|found| found.cmp(level))),
            Self::Faults(kinds) => subject
                .fault()
                .is_some_and(|words| kinds.iter().any(|kind| kind.is_in(words))),
            Self::AnyFault(search) => subject.fault().is_some() || search.is_in(&subject.text()),
            Self::FaultHas(search) => subject.fault().is_some_and(|words| search.is_in(words)),
            Self::Trace(beginning) => subject.is_of_trace(beginning),
            Self::Field(name, test) => subject.field(name).is_some_and(|value| test.holds(&value)),
        }
    }

    /// Whether a trace of these parts passes: what is asked is asked of one part, what is denied is denied of all.
    pub(super) fn matches_parts(&self, parts: &[impl Subject]) -> bool {
        match self {
            Self::All(nodes) => {
                let is_denied = |node: &&Self| matches!(node, Self::Not(_));
                let (denied, asked): (Vec<&Self>, Vec<&Self>) = nodes.iter().partition(is_denied);
                let passes = |part| asked.iter().all(|node| node.matches(part));
                (asked.is_empty() || parts.iter().any(passes))
                    && denied.iter().all(|node| node.matches_parts(parts))
            }
            Self::Any(nodes) => nodes.iter().any(|node| node.matches_parts(parts)),
            Self::Not(node) => !node.matches_parts(parts),
            one => parts.iter().any(|part| one.matches(part)),
        }
    }
}

fn known(names: [&str; 2]) -> impl Iterator<Item = &str> {
    names.into_iter().filter(|name| !name.is_empty())
}

/// A log line whose text is made readable at most once.
pub(super) struct Line<'a> {
    line: &'a LogLine,
    text: OnceCell<Cow<'a, str>>,
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a LogLine) -> Self {
        Self {
            line,
            text: OnceCell::new(),
        }
    }
}

impl Subject for Line<'_> {
    fn text(&self) -> Cow<'_, str> {
        let text = self
            .text
            .get_or_init(|| text::readable(&self.line.line.bytes));
        Cow::Borrowed(text)
    }

    fn names(&self, field: NameField) -> [&str; 2] {
        match field {
            NameField::Service => [self.line.line.service.as_str(), ""],
            NameField::Stream => [self.line.line.stream.name(), ""],
            NameField::Caller
            | NameField::Callee
            | NameField::Method
            | NameField::Path
            | NameField::Grpc
            | NameField::Kind => ["", ""],
        }
    }

    fn failed(&self) -> bool {
        false
    }

    fn fault(&self) -> Option<&str> {
        None
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        (field == NumberField::Run).then_some(self.line.line.run as f64)
    }

    fn level(&self) -> Option<Level> {
        self.line.level
    }

    fn is_of_trace(&self, beginning: &str) -> bool {
        let told = self.line.of.as_ref();
        told.is_some_and(|of| of.0.to_string().starts_with(beginning))
            || self.text().to_ascii_lowercase().contains(beginning)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let text = self.text();
        let found = line::field(&text, name)?;
        Some(Cow::Owned(found.into_owned()))
    }
}

impl Subject for Exchange {
    fn text(&self) -> Cow<'_, str> {
        let [from, to] = self.names(NameField::Service);
        let from = if from.is_empty() { OUTSIDE } else { from };
        let (method, path) = (&self.method, &self.path);
        Cow::Owned(match &self.status {
            ExchangeStatus::Http(code) => format!("{method} {path} {code} {from} {to}"),
            ExchangeStatus::Grpc(code) => {
                format!("{method} {path} {code} {} {from} {to}", grpc::name(*code))
            }
            ExchangeStatus::Failed(why) => format!("{method} {path} {why} {from} {to}"),
            ExchangeStatus::CallerLeft | ExchangeStatus::Bytes | ExchangeStatus::Open => {
                format!("{method} {path} {from} {to}")
            }
        })
    }

    fn names(&self, field: NameField) -> [&str; 2] {
        let caller = self.caller.as_ref().map(ServiceName::as_str);
        match field {
            NameField::Service => [caller.unwrap_or(""), self.callee.as_str()],
            NameField::Caller => [caller.unwrap_or(OUTSIDE), ""],
            NameField::Callee => [self.callee.as_str(), ""],
            NameField::Method => [&self.method, ""],
            NameField::Path => [&self.path, ""],
            NameField::Stream | NameField::Kind => ["", ""],
            NameField::Grpc => match self.status {
                ExchangeStatus::Grpc(code) => [grpc::name(code), grpc::digits(code)],
                _ => ["", ""],
            },
        }
    }

    fn failed(&self) -> bool {
        self.is_error()
    }

    fn fault(&self) -> Option<&str> {
        self.injected.as_deref()
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        match field {
            NumberField::Run => Some(self.run as f64),
            NumberField::Millis => Some(self.took.as_secs_f64() * 1000.0),
            NumberField::Held => Some(self.held.as_secs_f64() * 1000.0),
            NumberField::Bytes => Some(self.response_bytes as f64),
            NumberField::Status => match self.status {
                ExchangeStatus::Http(code) => Some(f64::from(code)),
                ExchangeStatus::Grpc(code) => Some(f64::from(grpc::as_http(code))),
                ExchangeStatus::Failed(_) => Some(502.0),
                ExchangeStatus::CallerLeft => Some(499.0),
                ExchangeStatus::Bytes | ExchangeStatus::Open => None,
            },
        }
    }

    fn level(&self) -> Option<Level> {
        None
    }

    fn is_of_trace(&self, beginning: &str) -> bool {
        self.trace.to_string().starts_with(beginning)
    }

    fn field(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl Subject for Span {
    fn text(&self) -> Cow<'_, str> {
        let mut text = format!("{} {} {}", self.name, self.kind.name(), self.service);
        if let SpanStatus::Error(why) = &self.status {
            text.push_str(" error ");
            text.push_str(why);
        }
        for (name, value) in self.attributes.iter() {
            // Writing to a string cannot fail.
            let _ = write!(text, " {name}={value}");
        }
        Cow::Owned(text)
    }

    fn names(&self, field: NameField) -> [&str; 2] {
        let attribute = |known: [&str; 2]| known.iter().find_map(|name| self.attributes.text(name));
        match field {
            NameField::Service | NameField::Callee => [self.service.as_str(), ""],
            NameField::Method => [self.http_method().unwrap_or_default(), ""],
            NameField::Path => [
                attribute(["url.path", "http.target"]).unwrap_or(&self.name),
                "",
            ],
            NameField::Caller | NameField::Stream | NameField::Grpc | NameField::Kind => ["", ""],
        }
    }

    fn failed(&self) -> bool {
        self.is_error()
    }

    fn fault(&self) -> Option<&str> {
        None
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        match field {
            NumberField::Run => self.run.map(|run| run as f64),
            NumberField::Millis => Some(self.took.as_secs_f64() * 1000.0),
            NumberField::Status => self.http_status().map(f64::from),
            NumberField::Held | NumberField::Bytes => None,
        }
    }

    fn level(&self) -> Option<Level> {
        self.is_error().then_some(Level::Error)
    }

    fn is_of_trace(&self, beginning: &str) -> bool {
        self.trace.to_string().starts_with(beginning)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.attributes.iter().find(|(known, _)| *known == name)?;
        Some(Cow::Owned(value.to_string()))
    }
}

impl Subject for What {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Exchange(one) => one.text(),
            Self::Span(one) => one.text(),
        }
    }

    fn names(&self, field: NameField) -> [&str; 2] {
        match self {
            Self::Exchange(one) => one.names(field),
            Self::Span(one) => one.names(field),
        }
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        match self {
            Self::Exchange(one) => one.number(field),
            Self::Span(one) => one.number(field),
        }
    }

    fn failed(&self) -> bool {
        self.is_error()
    }

    fn fault(&self) -> Option<&str> {
        match self {
            Self::Exchange(one) => one.fault(),
            Self::Span(one) => one.fault(),
        }
    }

    fn level(&self) -> Option<Level> {
        match self {
            Self::Exchange(one) => one.level(),
            Self::Span(one) => one.level(),
        }
    }

    fn is_of_trace(&self, beginning: &str) -> bool {
        self.trace().to_string().starts_with(beginning)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Exchange(one) => one.field(name),
            Self::Span(one) => one.field(name),
        }
    }
}
