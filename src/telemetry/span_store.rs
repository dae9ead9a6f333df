//! The spans of one session: a ring bounded by bytes, indexed by trace.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::exchange::TraceId;
use super::span::{Scope, Span, SpanStatus};
use crate::stack::ServiceName;
use crate::text::{MASK, Redactor};

/// Services that the summary of one trace names at most.
const NAMED: usize = 32;

/// Header attributes whose values are secrets, by the end of their names.
const SECRET: [&str; 4] = [
    ".header.authorization",
    ".header.proxy-authorization",
    ".header.cookie",
    ".header.set-cookie",
];

/// The spans of one session, the newest kept.
#[derive(Debug)]
pub struct Spans {
    budget: usize,
    used: usize,
    /// Each with what it costs.
    ring: VecDeque<(Arc<Span>, usize)>,
    /// Position of the ring's first span among all of the session; also how many were dropped.
    first: u64,
    by_trace: HashMap<TraceId, OfTrace>,
    redactor: Redactor,
}

/// What is known of one trace without looking at its spans.
#[derive(Debug, Clone)]
pub(super) struct OfTrace {
    /// Positions of its spans, the oldest first.
    positions: VecDeque<u64>,
    /// When the first of them began, kept or not.
    pub(super) started: Timestamp,
    /// When the last of them ended, kept or not.
    pub(super) ended: Timestamp,
    /// How many of those kept failed.
    pub(super) errors: usize,
    /// The services that told of it, in the order in which they did.
    pub(super) services: Vec<ServiceName>,
    /// Of those kept: the earliest without a parent; failing that, the earliest, or the oldest.
    pub(super) root: Arc<Span>,
}

/// What came since a follower last asked.
#[derive(Debug, Clone, PartialEq)]
pub struct SpansSince {
    /// The spans, in the order in which they came.
    pub spans: Vec<Arc<Span>>,
    /// What to ask with next time.
    pub cursor: u64,
    /// How many came and were dropped again in between.
    pub missed: u64,
}

impl Spans {
    /// None; at most `budget` bytes by [`Span::footprint`], but always the newest one.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            used: 0,
            ring: VecDeque::new(),
            first: 0,
            by_trace: HashMap::new(),
            redactor: Redactor::default(),
        }
    }

    /// From now on masks these secrets in every span before it is kept.
    pub fn mask(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// What masks secrets, for who has texts of the same origin.
    pub fn redactor(&self) -> Redactor {
        self.redactor.clone()
    }

    /// Keeps spans, those of one scope after another; the oldest go if there is no room.
    pub fn push_all(&mut self, spans: impl IntoIterator<Item = Span>) {
        let mut scope: Option<Arc<Scope>> = None;
        for span in spans {
            // What a message's spans share is charged to the first of them, which is also the first to go.
            let mut cost = span.footprint();
            if scope
                .as_ref()
                .is_none_or(|known| !Arc::ptr_eq(known, &span.scope))
            {
                cost += span.scope.footprint();
                scope = Some(Arc::clone(&span.scope));
            }
            self.push(Arc::new(span), cost);
        }
    }

    fn push(&mut self, span: Arc<Span>, cost: usize) {
        let position = self.next();
        match self.by_trace.get_mut(&span.trace) {
            Some(known) => known.add(position, &span),
            None => {
                self.by_trace
                    .insert(span.trace, OfTrace::begin(position, &span));
            }
        }
        self.used += cost;
        self.ring.push_back((span, cost));
        while self.used > self.budget && self.ring.len() > 1 {
            self.drop_oldest();
        }
    }

    /// All kept spans of a trace, in the order in which they came; one that was sent again comes once.
    pub fn trace(&self, trace: TraceId) -> Vec<Arc<Span>> {
        let known = self.by_trace.get(&trace);
        let positions = known.into_iter().flat_map(|known| &known.positions);
        let mut seen = HashSet::new();
        positions
            .filter_map(|position| self.at(*position))
            .filter(|span| seen.insert((span.span, span.started)))
            .cloned()
            .collect()
    }

    /// What is known of a trace without looking at its spans.
    pub(super) fn of(&self, trace: TraceId) -> Option<&OfTrace> {
        self.by_trace.get(&trace)
    }

    /// Every trace once, the one with the newest span first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (TraceId, &OfTrace)> {
        // Few traces with many spans are sorted, many with few are met one after another.
        let few = self.by_trace.len() < self.ring.len() / 8;
        let mut sorted: Vec<(TraceId, &OfTrace)> = Vec::new();
        if few {
            sorted.extend(self.by_trace.iter().map(|(trace, known)| (*trace, known)));
            sorted.sort_by_key(|(_, known)| std::cmp::Reverse(known.positions.back()));
        }
        let mut seen = HashSet::new();
        let met = self.ring.iter().rev().filter(move |_| !few);
        let met = met.filter_map(move |(span, _)| {
            let is_new = seen.insert(span.trace);
            Some((
                span.trace,
                self.by_trace.get(&span.trace).filter(|_| is_new)?,
            ))
        });
        sorted.into_iter().chain(met)
    }

    /// Positions of the oldest that is kept and of the next that comes.
    pub(super) fn bounds(&self) -> (u64, u64) {
        (self.first, self.next())
    }

    /// Those at these positions that are the newest of their trace, by trace, the newest first.
    pub(super) fn newest_in(&self, positions: Range<u64>) -> Vec<(u64, TraceId)> {
        let positions = positions.rev().filter_map(|position| {
            let trace = self.at(position)?.trace;
            let known = self.by_trace.get(&trace)?;
            (known.positions.back() == Some(&position)).then_some((position, trace))
        });
        positions.collect()
    }

    /// The newest `n` that pass the filter, the newest first.
    pub fn latest(&self, filter: impl Fn(&Span) -> bool, n: usize) -> Vec<Arc<Span>> {
        let newest = self.ring.iter().rev().map(|(span, _)| span);
        newest.filter(|one| filter(one)).take(n).cloned().collect()
    }

    /// What came since `cursor`, which an earlier call gave; 0: everything that is kept.
    pub fn since(&self, cursor: u64) -> SpansSince {
        let from = cursor.clamp(self.first, self.next());
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let spans = self.ring.iter().skip(skip);
        SpansSince {
            spans: spans.map(|(span, _)| Arc::clone(span)).collect(),
            cursor: self.next(),
            missed: from.saturating_sub(cursor),
        }
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many had to go.
    pub fn dropped(&self) -> u64 {
        self.first
    }

    /// Bytes in use, of the budget.
    pub fn used(&self) -> usize {
        self.used
    }

    fn next(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    fn at(&self, position: u64) -> Option<&Arc<Span>> {
        let index = position.checked_sub(self.first)?;
        let (span, _) = self.ring.get(usize::try_from(index).ok()?)?;
        Some(span)
    }

    fn drop_oldest(&mut self) {
        let Some((oldest, cost)) = self.ring.pop_front() else {
            return;
        };
        self.first += 1;
        self.used -= cost;
        if let Some(known) = self.by_trace.get_mut(&oldest.trace) {
            known.positions.pop_front();
            known.errors -= usize::from(oldest.is_error());
            let Some(next) = known.positions.front().copied() else {
                self.by_trace.remove(&oldest.trace);
                return;
            };
            // Kept beyond the ring it would cost what nobody counts.
            let first = self.first;
            let root_is_gone = Arc::ptr_eq(&known.root, &oldest);
            let next = usize::try_from(next - first)
                .ok()
                .and_then(|index| self.ring.get(index));
            if let (true, Some((span, _))) = (root_is_gone, next) {
                known.root = Arc::clone(span);
            }
        }
    }
}

impl OfTrace {
    fn begin(position: u64, span: &Arc<Span>) -> Self {
        Self {
            positions: VecDeque::from([position]),
            started: span.started,
            ended: span.ended(),
            errors: usize::from(span.is_error()),
            services: vec![span.service.clone()],
            root: Arc::clone(span),
        }
    }

    fn add(&mut self, position: u64, span: &Arc<Span>) {
        self.positions.push_back(position);
        self.started = self.started.min(span.started);
        self.ended = self.ended.max(span.ended());
        self.errors += usize::from(span.is_error());
        if self.services.len() < NAMED && !self.services.contains(&span.service) {
            self.services.push(span.service.clone());
        }
        let order = |span: &Span| (span.parent.is_some(), span.started, span.span);
        if order(span) < order(&self.root) {
            self.root = Arc::clone(span);
        }
    }

    /// How many spans are kept.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }
}

impl Span {
    /// Masks secrets in all its texts, and the values of header attributes that are secrets by their name.
    pub fn mask(&mut self, redactor: &Redactor) {
        let mut change = |name: &str, text: &mut String| {
            if SECRET.iter().any(|secret| name.ends_with(secret)) {
                MASK.clone_into(text);
            } else {
                mask_text(redactor, text);
            }
        };
        self.attributes.change_texts(&mut change);
        for event in &mut self.events {
            mask_text(redactor, &mut event.name);
            event.attributes.change_texts(&mut change);
        }
        for link in &mut self.links {
            link.attributes.change_texts(&mut change);
        }
        mask_text(redactor, &mut self.name);
        if let SpanStatus::Error(why) = &mut self.status {
            mask_text(redactor, why);
        }
    }
}

fn mask_text(redactor: &Redactor, text: &mut String) {
    if let std::borrow::Cow::Owned(masked) = redactor.text(text) {
        *text = masked;
    }
}

#[cfg(test)]
#[path = "span_store_tests.rs"]
mod tests;
