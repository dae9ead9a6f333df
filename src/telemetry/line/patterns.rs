//! Lines of words in a known order: a table of forms, of which the first that fits is taken.
//!
//! A form is a regular expression whose groups `time` and `message` are these, whose group `level` is left to
//! [`Level::of_line`](crate::telemetry::Level::of_line), and whose other groups are fields of these names.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Field, Format, Recognised, pairs};

/// A day and a time of day, as ISO 8601 and its relatives write them.
const DAY: &str = r"\d{4}[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|GMT|CES?T|[EP][SD]T|[+-]\d\d:?\d\d))?";
/// The same, or the time of day alone.
const TIME: &str = r"(?:DAY|\d\d:\d\d:\d\d(?:[.,]\d+)?)";
/// A level as a word in capitals.
const LEVEL: &str = r"(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|NOTICE|SEVERE|ALERT|EMERG|PANIC|FINE|FINER|FINEST|TRC|DBG|INF|WRN|ERR|FTL|LOG|VERBOSE|SUCCESS|STATEMENT|DETAIL|HINT)";

/// The forms and their names. `DAY`, `TIME` and `LEVEL` stand for the parts above.
const FORMS: &[(&str, &str)] = &[
    // Apache, nginx and what imitates them: "common" and "combined".
    (
        "access log",
        r#"^(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>\d\d/\w{3}/\d{4}:[^\]]+)\] "(?P<message>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)(?: "(?P<referer>[^"]*)" "(?P<agent>[^"]*)")?(?P<more>.*)$"#,
    ),
    (
        "nginx",
        r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<process>\d+#\d+): (?:\*(?P<connection>\d+) )?(?P<message>.*)$",
    ),
    (
        "apache",
        r"^\[(?P<time>\w{3} \w{3} [ \d]\d [\d:.]+ \d{4})\] \[(?:(?P<module>[\w-]*):)?(?P<level>\w+)\] (?:\[pid (?P<pid>[^\]]+)\] )?(?:\[client (?P<client>[^\]]+)\] )?(?P<message>.*)$",
    ),
    (
        "syslog 5424",
        r#"^<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?P<host>\S+) (?P<app>\S+) (?P<pid>\S+) (?P<id>\S+) (?P<data>-|(?:\[(?:[^\]\\"]|"(?:\\.|[^"\\])*")*\])+) ?(?P<message>.*)$"#,
    ),
    (
        "syslog",
        r"^(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) (?P<app>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: (?P<message>.*)$",
    ),
    // Kubernetes and glog.
    (
        "klog",
        r"^[IWEF](?P<time>\d{4} \d\d:\d\d:\d\d\.\d+)\s+(?P<thread>\d+) (?P<source>[^\]\s]+:\d+)\] (?P<message>.*)$",
    ),
    // Ruby's Logger, as Rails uses it.
    (
        "ruby",
        r"^[DIWEFA], \[(?P<time>\S+) #(?P<pid>\d+)\]\s+(?P<level>\w+) -- (?P<program>[^:]*): (?P<message>.*)$",
    ),
    (
        "spring boot",
        r"^(?P<time>DAY)\s+(?P<level>LEVEL) (?P<pid>\d+) --- (?:\[(?P<app>[^\]]*)\] )?\[(?P<thread>[^\]]*)\] (?P<logger>\S+)\s*: (?P<message>.*)$",
    ),
    (
        "logback",
        r"^(?P<time>TIME) \[(?P<thread>[^\]]*)\] (?P<level>LEVEL)\s+(?P<logger>\S+)(?: -|:)\s+(?P<message>.*)$",
    ),
    (
        "log4j",
        r"^(?P<time>TIME)\s+(?P<level>LEVEL)\s+\[(?P<logger>[^\]]+)\]\s+(?:\((?P<thread>[^)]*)\)\s+)?(?P<message>.*)$",
    ),
    (
        "python",
        r"^(?P<time>DAY) - (?P<logger>\S+) - (?P<level>LEVEL) - (?P<message>.*)$",
    ),
    (
        "python",
        r"^(?P<level>LEVEL):(?P<logger>[\w.]+):(?P<message>.*)$",
    ),
    (
        "loguru",
        r"^(?P<time>DAY)\s+\| (?P<level>LEVEL)\s+\| (?P<source>\S+) - (?P<message>.*)$",
    ),
    (
        "gunicorn",
        r"^\[(?P<time>DAY)\] \[(?P<pid>\d+)\] \[(?P<level>LEVEL)\] (?P<message>.*)$",
    ),
    (
        "celery",
        r"^\[(?P<time>DAY): (?P<level>LEVEL)/(?P<process>[^\]]+)\] (?P<message>.*)$",
    ),
    (
        "env_logger",
        r"^\[(?P<time>DAY) (?P<level>LEVEL)\s+(?P<target>[\w:.-]+)\] (?P<message>.*)$",
    ),
    (
        "tracing",
        r"^(?P<time>DAY)\s+(?P<level>TRACE|DEBUG|INFO|WARN|ERROR) (?:(?P<span>[\w:.-]+\{[^}]*\}(?::[\w:.-]+\{[^}]*\})*): )?(?P<target>[A-Za-z_][\w:.-]*): (?P<message>.*)$",
    ),
    (
        "postgres",
        r"^(?P<time>DAY) \[(?P<pid>\d+)\] (?:(?P<user>[^@\s]+)@(?P<database>\S+) )?(?P<level>LEVEL):\s+(?P<message>.*)$",
    ),
    (
        "mysql",
        r"^(?P<time>DAY) (?P<thread>\d+) \[(?P<level>\w+)\] \[(?P<code>[^\]]+)\] \[(?P<part>[^\]]+)\] (?P<message>.*)$",
    ),
    (
        "redis",
        r"^(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>\d\d \w{3} \d{4} [\d:.]+) [.\-*#] (?P<message>.*)$",
    ),
    // ASP.NET's console: the message is in the lines below.
    (
        ".net",
        r"^(?:trce|dbug|info|warn|fail|crit): (?P<message>[\w.`+]+\[\d+\])$",
    ),
    // zap's development form, with tabs made spaces.
    (
        "zap",
        r"^(?P<time>DAY)\s+(?P<level>LEVEL)\s+(?:(?P<logger>[\w.-]+)\s+)?(?P<source>\S+\.go:\d+)\s+(?P<message>.*?)(?:\s+(?P<fields>\{.*\}))?$",
    ),
    (
        "go",
        r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (?:(?P<level>LEVEL) )?(?:(?P<source>[\w./-]+\.go:\d+): )?(?P<message>.*)$",
    ),
    (
        "time and level",
        r"^\[?(?P<time>TIME)\]?[ ,:|-]*(?:[\[(<](?i:LEVEL)[\])>]|LEVEL)[ :|-]+(?P<message>.*)$",
    ),
    ("time", r"^\[?(?P<time>DAY)\]?[ ,:|-]+(?P<message>.*)$"),
    (
        "level",
        r"^(?:\[(?P<level>(?i:LEVEL))\]|(?:LEVEL):?)\s+(?P<message>.*)$",
    ),
];

static KNOWN: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let whole = |form: &str| {
        let form = form.replace("TIME", TIME).replace("DAY", DAY);
        // Names of groups are in small letters, so nothing else has this word in it.
        Regex::new(&form.replace("LEVEL", LEVEL)).expect("forms are right: a test reads them all")
    };
    FORMS
        .iter()
        .map(|(name, form)| (*name, whole(form)))
        .collect()
});

/// Whether this is the name of a part of some form, so that the line itself need not have it.
pub(super) fn names(name: &str) -> bool {
    let mut forms = KNOWN.iter();
    matches!(name, "message" | "msg" | "time")
        || forms.any(|(_, form)| form.capture_names().flatten().any(|known| known == name))
}

/// What a line of words says, if it has one of the forms.
pub(super) fn recognise(text: &str) -> Option<Recognised<'_>> {
    let trimmed = text.trim_end();
    // Each form begins with one of these; most other lines are known by it.
    let first = trimmed.chars().next()?;
    if !(first.is_ascii_alphanumeric() || "[<:-".contains(first)) {
        return None;
    }
    KNOWN.iter().find_map(|(name, form)| {
        let found = form.captures(trimmed)?;
        Some(parts(Format::Text(name), form, &found))
    })
}

fn parts<'a>(format: Format, form: &'static Regex, found: &Captures<'a>) -> Recognised<'a> {
    let group = |name| found.name(name).map_or("", |part| part.as_str());
    let (message, tail) = pairs::tail(group("message"));
    let others = form.capture_names().flatten();
    let others = others.filter(|name| !matches!(*name, "time" | "level" | "message"));
    let mut fields: Vec<Field<'a>> = others
        .map(|name| (name, group(name).trim()))
        .filter(|(_, value)| !matches!(*value, "" | "-"))
        .map(|(name, value)| Field {
            name: Cow::Borrowed(name),
            value: Cow::Borrowed(value),
        })
        .collect();
    fields.extend(tail);
    let time = found.name("time");
    Recognised {
        format,
        time: time.map(|part| Cow::Borrowed(part.as_str())),
        message: Cow::Borrowed(message),
        fields,
    }
}
