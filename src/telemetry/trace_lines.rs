//! From a log line to the trace in which it was said, and from a part of a trace to what was said meanwhile.

use std::sync::Arc;

use super::Telemetry;
use super::exchange::{SpanId, TraceId};
use super::log::{LogLine, Position};
use super::log_query::Select;
use super::what::What;

/// Exchanges after a moment that are looked at for those that were under way then.
const PATIENCE: usize = 20_000;
/// Bytes of a line in which ids are looked for.
const LOOKED_AT: usize = 16 << 10;

/// How a log line and a trace were found to belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The log record carries the id of the trace.
    Carried,
    /// The id of the trace stands in the line.
    Written,
    /// By time and service alone; of so many requests that were under way there.
    Time(usize),
}

/// The trace of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceOfLine {
    /// The trace.
    pub trace: TraceId,
    /// The part of it, where that is known.
    pub span: Option<SpanId>,
    /// How that was found out.
    pub link: Link,
}

/// What was said during a part of a trace.
#[derive(Debug, Clone, Default)]
pub struct LinesOfPart {
    /// The lines, the oldest first.
    pub lines: Vec<Arc<LogLine>>,
    /// Whether they carry or name the trace; otherwise they are those of the service in that time, whatever they are about.
    pub by_id: bool,
    /// Whether there are more.
    pub more: bool,
}

impl Telemetry {
    /// The trace in which a line was said: by the id that it carries or that stands in it, else the request that its
    /// service had begun last among those under way. `None` if there was none, or it is not kept any more.
    pub fn trace_of_line(&self, line: &LogLine) -> Option<TraceOfLine> {
        if let Some((trace, span)) = line.of.as_deref()
            && self.knows(*trace)
        {
            return Some(TraceOfLine {
                trace: *trace,
                span: *span,
                link: Link::Carried,
            });
        }
        let mut written = ids(&line.line.bytes);
        if let Some(trace) = written.find(|trace| self.knows(*trace)) {
            return Some(TraceOfLine {
                trace,
                span: None,
                link: Link::Written,
            });
        }
        let service = &line.line.service;
        let under_way = self.exchanges().under_way(service, line.line.at, PATIENCE);
        let last = under_way.iter().max_by_key(|one| one.started)?;
        Some(TraceOfLine {
            trace: last.trace,
            span: Some(last.span),
            link: Link::Time(under_way.len()),
        })
    }

    /// What a service said during a part of a trace, at most so many lines: those that carry or name the trace, if any do.
    pub fn lines_of(&self, part: &What, most: usize) -> LinesOfPart {
        let services = [part.service().clone()];
        let select = Select {
            services: &services,
            filter: None,
            patience: PATIENCE,
        };
        let from = Position {
            at: part.started(),
            seq: 0,
        };
        let until = part.ended();
        let page = self.page_after(select, from, most.saturating_mul(8).max(500));
        let mut lines = page.lines;
        lines.retain(|line| line.line.at <= until);
        let (trace, span) = (part.trace(), part.span());
        let named: Vec<_> = lines
            .iter()
            .filter(|line| is_of(line, trace, span))
            .cloned()
            .collect();
        let by_id = !named.is_empty();
        let mut lines = if by_id { named } else { lines };
        let more = lines.len() > most;
        lines.truncate(most);
        LinesOfPart { lines, by_id, more }
    }

    /// Whether anything of a trace is kept.
    pub fn knows(&self, trace: TraceId) -> bool {
        self.exchanges().has(trace) || self.spans().of(trace).is_some()
    }

    /// The first line that a service said during a part, and whether it names the trace: see [`Self::lines_of`].
    pub fn first_line_of(&self, part: &What) -> Option<(Arc<LogLine>, bool)> {
        let mut found = self.lines_of(part, 1);
        let by_id = found.by_id;
        (!found.lines.is_empty()).then(|| (found.lines.remove(0), by_id))
    }
}

/// Whether a line says itself that it belongs to this trace, and to no other span of it.
fn is_of(line: &LogLine, trace: TraceId, span: SpanId) -> bool {
    match line.of.as_deref() {
        Some((of, within)) => *of == trace && within.is_none_or(|within| within == span),
        None => ids(&line.line.bytes).any(|id| id == trace),
    }
}

/// Every run of exactly 32 hexadecimal digits.
fn ids(line: &[u8]) -> impl Iterator<Item = TraceId> {
    let line = &line[..line.len().min(LOOKED_AT)];
    let runs = line.split(|byte| !byte.is_ascii_hexdigit());
    runs.filter(|run| run.len() == 32).filter_map(|run| {
        let digits = std::str::from_utf8(run).ok()?;
        u128::from_str_radix(digits, 16).ok().map(TraceId)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::super::exchange_fixture::timed;
    use super::super::log::{NewLine, Stream, Told};
    use super::*;

    const NAMED: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

    fn telemetry() -> Telemetry {
        let telemetry = Telemetry::default();
        {
            let mut exchanges = telemetry.exchanges();
            exchanges.push(timed((NAMED, 1, None), "web", 0, 40));
            exchanges.push(timed((2, 2, None), "web", 10, 60));
            exchanges.push(timed((3, 3, None), "orders", 20, 70));
        }
        telemetry
    }

    fn say(telemetry: &Telemetry, ms: u64, words: &str, told: Told) -> Arc<LogLine> {
        let line = NewLine {
            service: "web".into(),
            run: 1,
            at: Timestamp::UNIX_EPOCH + Duration::from_millis(ms),
            stream: Stream::Stdout,
            bytes: words.into(),
        };
        telemetry.logs().push_told(line, told);
        telemetry.latest(Select::default(), 1).lines.remove(0)
    }

    #[test]
    fn a_line_leads_to_its_trace_and_says_how() {
        let telemetry = telemetry();
        let carried = Told {
            of: Some((TraceId(3), Some(SpanId(3)))),
            ..Told::default()
        };
        let written = format!("trace_id={NAMED:032x} done");
        for (ms, words, told, expected) in [
            (5, "x", carried, Some((3, Link::Carried))),
            (
                50,
                written.as_str(),
                Told::default(),
                Some((NAMED, Link::Written)),
            ),
            (
                51,
                "a digest: 00000000000000000000000000000abc",
                Told::default(),
                Some((2, Link::Time(1))),
            ),
            (52, "plain", Told::default(), Some((2, Link::Time(1)))),
            (90, "later", Told::default(), None),
        ] {
            let line = say(&telemetry, ms, words, told);
            let found = telemetry.trace_of_line(&line);
            let found = found.map(|found| (found.trace.0, found.link));
            assert_eq!(found, expected, "{words}");
        }
        let early = Telemetry::default();
        early.exchanges().push(timed((1, 1, None), "web", 0, 40));
        early.exchanges().push(timed((2, 2, None), "web", 10, 60));
        let found = early.trace_of_line(&say(&early, 30, "plain", Told::default()));
        assert_eq!(
            found.map(|found| (found.trace.0, found.link)),
            Some((2, Link::Time(2)))
        );
    }

    #[test]
    fn a_part_leads_to_its_lines_by_id_or_by_time() {
        let telemetry = telemetry();
        say(&telemetry, 5, "one", Told::default());
        say(&telemetry, 20, "two", Told::default());
        let part = What::Exchange(telemetry.exchanges().trace(TraceId(NAMED)).remove(0));
        let found = telemetry.lines_of(&part, 10);
        assert_eq!(
            (found.lines.len(), found.by_id, found.more),
            (2, false, false)
        );
        assert!(telemetry.lines_of(&part, 1).more);
        say(
            &telemetry,
            30,
            &format!("{NAMED:032x} three"),
            Told::default(),
        );
        say(&telemetry, 50, "after its end", Told::default());
        let found = telemetry.lines_of(&part, 10);
        assert_eq!((found.lines.len(), found.by_id), (1, true));
    }
}
