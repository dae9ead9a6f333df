//! How serious a log line is, read from the line itself.

use std::borrow::Cow;
use std::fmt;

use crate::text;

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Finest detail.
    Trace,
    /// For developers.
    Debug,
    /// As planned.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// The program cannot go on.
    Fatal,
}

impl Level {
    /// All levels, the mildest first.
    pub const ALL: [Self; 6] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
        Self::Fatal,
    ];

    /// Its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level of this name, as any of the common logging libraries writes it.
    pub fn named(name: &str) -> Option<Self> {
        let mut lower = [0; 11];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"trace" | b"trc" | b"trce" | b"verbose" | b"finest" | b"finer" | b"silly" => {
                Some(Self::Trace)
            }
            b"debug" | b"dbg" | b"dbug" | b"debu" | b"fine" => Some(Self::Debug),
            b"info" | b"inf" | b"information" | b"notice" | b"log" | b"default" => Some(Self::Info),
            b"warn" | b"wrn" | b"warning" => Some(Self::Warn),
            b"error" | b"err" | b"erro" | b"severe" | b"eror" | b"fail" => Some(Self::Error),
            b"fatal" | b"ftl" | b"fata" | b"critical" | b"crit" | b"panic" | b"alert"
            | b"emergency" | b"emerg" | b"dpanic" => Some(Self::Fatal),
            _ => None,
        }
    }

    /// The level of this number: of syslog (0 to 7, the worst first), else of bunyan, pino and Python (tens).
    fn numbered(number: u32) -> Self {
        match number {
            0..=2 | 60.. => Self::Fatal,
            3 | 50..60 => Self::Error,
            4 | 40..50 => Self::Warn,
            5 | 6 | 30..40 => Self::Info,
            7 | 20..30 => Self::Debug,
            8..20 => Self::Trace,
        }
    }

    /// The level that a line says it has: as JSON, as logfmt, or in words near its beginning.
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let head = &line[..line.len().min(JSON_HEAD)];
        match head.iter().find(|byte| !byte.is_ascii_whitespace())? {
            b'{' => of_json(head),
            _ => of_text(head),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How far into a JSON line its level is looked for.
const JSON_HEAD: usize = 16 << 10;

/// How far into any other line its level is looked for.
const TEXT_HEAD: usize = 160;

/// The value of the first key of the outermost object that names a level.
fn of_json(line: &[u8]) -> Option<Level> {
    let (mut at, mut depth) = (0, 0_u32);
    while at < line.len() {
        match line[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let (word, after) = json_string(line, at)?;
                at = after;
                if depth == 1
                    && is_level_key(word)
                    && let Some(value) = after_colon(&line[after..])
                {
                    return json_value(value);
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn is_level_key(key: &[u8]) -> bool {
    matches!(
        key,
        b"level"
            | b"severity"
            | b"lvl"
            | b"log.level"
            | b"levelname"
            | b"loglevel"
            | b"@l"
            | b"Level"
            | b"LogLevel"
            | b"log_level"
            | b"severity_text"
            | b"severityText"
    )
}

/// The string that begins with the quote at `at`, and where it has ended.
fn json_string(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let mut end = at + 1;
    while *line.get(end)? != b'"' {
        end += if line[end] == b'\\' { 2 } else { 1 };
    }
    Some((&line[at + 1..end], end + 1))
}

fn after_colon(line: &[u8]) -> Option<&[u8]> {
    line.trim_ascii_start()
        .strip_prefix(b":")
        .map(<[u8]>::trim_ascii_start)
}

fn json_value(value: &[u8]) -> Option<Level> {
    if value.first() == Some(&b'"') {
        let (word, _) = json_string(value, 0)?;
        return of_word(word);
    }
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    str::from_utf8(&value[..digits])
        .ok()?
        .parse()
        .ok()
        .map(Level::numbered)
}

fn of_word(word: &[u8]) -> Option<Level> {
    let word = str::from_utf8(word).ok()?;
    Level::named(word).or_else(|| word.parse().ok().map(Level::numbered))
}

fn of_text(line: &[u8]) -> Option<Level> {
    let head = &line[..line.len().min(TEXT_HEAD)];
    let head: Cow<'_, [u8]> = if head.contains(&0x1b) {
        Cow::Owned(text::plain(head).into_bytes())
    } else {
        Cow::Borrowed(head)
    };
    let head = head.trim_ascii_start();
    of_klog(head)
        .or_else(|| of_priority(head))
        .or_else(|| of_crash(head))
        .or_else(|| of_words(head))
}

/// `E0203 14:03:21.112…`: letter, month and day (klog and glog).
fn of_klog(head: &[u8]) -> Option<Level> {
    let level = match head.first()? {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Fatal,
        _ => return None,
    };
    let is_date = head.get(1..5)?.iter().all(u8::is_ascii_digit);
    (is_date && head.get(5) == Some(&b' ')).then_some(level)
}

/// `<34>Oct 11 …`, `<165>1 2003-…`: the lowest three bits of the number are the severity (RFC 5424, section 6.2.1).
fn of_priority(head: &[u8]) -> Option<Level> {
    let rest = head.strip_prefix(b"<")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) || rest.get(digits) != Some(&b'>') {
        return None;
    }
    let priority: u32 = str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    Some(Level::numbered(priority & 7))
}

/// The first line of what runtimes print when a program breaks.
fn of_crash(head: &[u8]) -> Option<Level> {
    let broke = head.starts_with(b"Traceback (most recent call last)")
        || head.starts_with(b"Exception in thread ")
        || head.starts_with(b"Unhandled ")
        || (head.starts_with(b"thread '") && contains(head, b"' panicked at "))
        || (head.starts_with(b"thread '") && contains(head, b") panicked at "));
    broke.then_some(Level::Error)
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// The first word that names a level and stands as one does: after `level=`, in brackets, in capitals, or in front
/// of a colon at the very beginning.
fn of_words(head: &[u8]) -> Option<Level> {
    let mut at = 0;
    while at < head.len() {
        if !head[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let length = head[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if let Some(level) = of_word_at(head, at, at + length) {
            return Some(level);
        }
        at += length;
    }
    None
}

fn of_word_at(head: &[u8], start: usize, end: usize) -> Option<Level> {
    let word = &head[start..end];
    let before = start.checked_sub(1).map(|at| head[at]);
    let after = head.get(end).copied();
    if after == Some(b'=') && is_level_key(word) && before.is_none_or(|byte| !is_word(byte)) {
        return logfmt_value(&head[end + 1..]);
    }
    // Longer and shorter words name no level, and most words end here.
    if !(3..=11).contains(&word.len()) {
        return None;
    }
    let stands_alone = before.is_none_or(|byte| !is_word(byte) && !b"/.-=".contains(&byte))
        && after.is_none_or(|byte| !is_word(byte) && !b"/.-=(".contains(&byte));
    let bracketed = matches!(
        (before, after),
        (Some(b'[' | b':'), Some(b']')) | (Some(b'<'), Some(b'>'))
    );
    let begins = before.is_none() && matches!(after, Some(b':' | b'['));
    let capitals = word.iter().all(u8::is_ascii_uppercase);
    // `[2026-01-01 10:00:00,123: ERROR/MainProcess]`: Celery's.
    let of_process = capitals && after == Some(b'/') && head[..start].ends_with(b": ");
    (of_process || (stands_alone && (bracketed || begins || capitals)))
        .then(|| str::from_utf8(word).ok().and_then(Level::named))
        .flatten()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn logfmt_value(value: &[u8]) -> Option<Level> {
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let length = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    of_word(&value[..length])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_recognised() {
        use Level::{Debug, Error, Fatal, Info, Trace, Warn};
        for (line, level) in [
            (r#"{"level":"info","msg":"x"}"#, Some(Info)),
            (r#"{"time":1,"level":50,"msg":"pino"}"#, Some(Error)),
            (r#"{"name":"bunyan","level":30}"#, Some(Info)),
            (r#"{"severity": "WARNING"}"#, Some(Warn)),
            (r#"{"lvl":"dbgx","level":"trace"}"#, None),
            (r#"{"short_message":"gelf","level":3}"#, Some(Error)),
            (r#"{"req":{"level":"error"},"level":"debug"}"#, Some(Debug)),
            (
                r#"{"msg":"\"level\":\"error\"","level":"info"}"#,
                Some(Info),
            ),
            (r#"{"msg":"a } b","level":"warn"}"#, Some(Warn)),
            (r#"{"level":"#, None),
            (r#"{"msg":"level"}"#, None),
            ("time=2026-01-01 level=warn msg=x", Some(Warn)),
            (r#"ts=1 lvl="error" msg=x"#, Some(Error)),
            ("sublevel=error", None),
            ("2026-01-01 14:03:21,112 INFO  main: started", Some(Info)),
            ("2026-01-01T00:00:00Z  WARN hyper: x", Some(Warn)),
            (
                "2026/01/01 00:00:00 [error] 12#12: open() failed",
                Some(Error),
            ),
            ("[warn] low", Some(Warn)),
            ("<debug> x", Some(Debug)),
            ("WARNING:root:careful", Some(Warn)),
            ("E0203 14:03:21.112 1 main.go:1] x", Some(Error)),
            ("I1123 14:03:21 x", Some(Info)),
            ("E0203x", None),
            ("<34>Oct 11 22:14:15 host su: failed", Some(Fatal)),
            ("<165>1 2003-10-11T22:14:15Z host app - - - x", Some(Info)),
            ("<1999>x", None),
            ("fail: Microsoft.Kestrel[13]", Some(Error)),
            ("dbug: x", Some(Debug)),
            ("\x1b[32mINFO\x1b[0m: Uvicorn running", Some(Info)),
            ("\x1b[2m2026\x1b[0m \x1b[31mERROR\x1b[0m x", Some(Error)),
            ("error[E0308]: mismatched types", Some(Error)),
            ("warning: unused variable", Some(Warn)),
            ("npm ERR! missing script", Some(Error)),
            (
                "2026-01-01 UTC [1] LOG:  database system is ready",
                Some(Info),
            ),
            ("2026-01-01 UTC [1] FATAL:  password", Some(Fatal)),
            ("panic: runtime error", Some(Fatal)),
            ("Traceback (most recent call last):", Some(Error)),
            ("thread 'main' panicked at src/main.rs:1", Some(Error)),
            ("thread 'main' (12) panicked at src/main.rs:1", Some(Error)),
            ("TRACE x", Some(Trace)),
            ("GET /error HTTP/1.1", None),
            ("GET /ERROR/INFO HTTP/1.1", None),
            ("an error was not found", None),
            ("no errors", None),
            ("LOG_LEVEL=debug", None),
            ("", None),
            ("   ", None),
        ] {
            assert_eq!(Level::of_line(line.as_bytes()), level, "{line}");
        }
    }

    #[test]
    fn a_level_has_one_name_for_all_spellings() {
        for level in Level::ALL {
            assert_eq!(Level::named(level.name()), Some(level));
            assert_eq!(Level::named(&level.name().to_uppercase()), Some(level));
        }
        assert_eq!(Level::named("extraordinarily"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_harm(line in any::<Vec<u8>>(), json in "[{}\\[\\]\":,\\\\a-z0-9 ]{0,40}") {
            Level::of_line(&line);
            Level::of_line(format!("{{\"level\"{json}").as_bytes());
        }
    }
}
