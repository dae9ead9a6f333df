//! One service: what it was asked and what it asked for meanwhile, the newest of both, and which belongs to which.

use std::collections::{HashMap, VecDeque};

use super::edge::{Confidence, EdgeKind, JoinedEdge, Rule};
use super::facts::{Fact, Tag};
use super::template::{TOLERANCE, Template};
use crate::telemetry::exchange::SpanId;

/// What is kept of each kind.
pub(super) const MOST: usize = 4096;
/// A header is passed on if so many pairs, and this part of all, had the same value.
const PAIRS: u32 = 5;
const PASSED_ON: f64 = 0.9;
/// Names of headers that are watched.
const MOST_NAMES: usize = 128;
/// A value that more of the requests carry is not rare.
const RARE: usize = 3;

/// A call, and what is known of who caused it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) fact: Fact,
    /// Which service was called.
    pub(super) callee: usize,
    pub(super) edge: Option<JoinedEdge>,
    /// The spans among which the walk decided last.
    pub(super) among: Vec<SpanId>,
    /// Whether its headers were compared with its parent's.
    compared: bool,
}

/// One service.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) asked: VecDeque<Fact>,
    pub(super) made: VecDeque<Made>,
    /// Whether something came since it was looked at.
    pub(super) dirty: bool,
    /// Whether something above its requests is other than it was when its callees were told.
    pub(super) moved: bool,
    /// Calls that came since then.
    pub(super) fresh: usize,
    pub(super) templates: HashMap<u32, Template>,
    /// How many calls the walk had decided when the templates were learned, and since.
    pub(super) learned_from: usize,
    pub(super) decided_since: usize,
    /// For each header's name: pairs of a request and its call that had the same value, and pairs in all.
    passed_on: HashMap<u32, (u32, u32)>,
    /// Whether a call was seen that carries the context of a request.
    forwards: bool,
    /// Of requests that began until then not all calls are kept.
    pub(super) partly_until: i64,
    /// When all requests that may have made its calls have come, as a rule; `None`: they have.
    pub(super) ripe_at: Option<i64>,
}

/// What the rules that look at one call say of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    /// Its request names a parent that is here: nothing to be joined.
    Named(u32),
    /// This request caused it.
    Sure(u32, Rule, Confidence),
    /// One of these did.
    Open(Vec<u32>, Option<Rule>),
    /// Nothing was in flight.
    Alone,
    /// It says that it has a parent, which may still come.
    Waits,
    /// What was decided stays, because not all is here any more that it was decided from. The parent, if it is.
    Kept(Option<u32>),
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            asked: VecDeque::new(),
            made: VecDeque::new(),
            dirty: false,
            moved: false,
            fresh: 0,
            templates: HashMap::new(),
            learned_from: 0,
            decided_since: 0,
            passed_on: HashMap::new(),
            forwards: false,
            partly_until: i64::MIN,
            ripe_at: None,
        }
    }
}

impl Desk {
    /// Something above its requests is other than it was.
    pub(super) fn moves(&mut self) {
        self.dirty = true;
        self.moved = true;
    }

    pub(super) fn ask(&mut self, fact: Fact) {
        let place = self.asked.partition_point(|other| other.key() < fact.key());
        self.asked.insert(place, fact);
        if self.asked.len() > MOST {
            self.asked.pop_front();
        }
        self.dirty = true;
    }

    /// Gives back a call that had to go.
    pub(super) fn make(&mut self, fact: Fact, callee: usize) -> Option<Made> {
        let place = self
            .made
            .partition_point(|other| other.fact.key() < fact.key());
        self.made.insert(
            place,
            Made {
                fact,
                callee,
                edge: None,
                among: Vec::new(),
                compared: false,
            },
        );
        self.dirty = true;
        self.fresh += 1;
        let gone = (self.made.len() > MOST).then(|| self.made.pop_front())?;
        if let Some(gone) = &gone {
            self.partly_until = self.partly_until.max(gone.fact.start);
        }
        gone
    }

    /// What the rules say of each call, in order. `cyclic` tells of a callee whether it may call back here, in which case
    /// clocks get no tolerance, so that no circle can arise.
    pub(super) fn verdicts(
        &mut self,
        cyclic: impl Fn(usize) -> bool,
        solo: impl Fn(i64) -> bool,
    ) -> Vec<Verdict> {
        let index = Index::of(&self.asked);
        let reach = Reach::of(&self.asked);
        let passes = |name: u32| {
            let seen = self.passed_on.get(&name).copied().unwrap_or_default();
            seen.0 >= PAIRS && f64::from(seen.0) >= PASSED_ON * f64::from(seen.1)
        };
        let told = |made: &Made| index.context(&made.fact, &self.asked);
        self.forwards |= self.made.iter().any(|made| told(made).is_some());
        let gone = |made: &Made| {
            let parent = made.edge.map(|edge| edge.parent);
            parent.is_some_and(|parent| !index.spans.contains_key(&parent))
        };
        let verdict = |made: &Made| {
            if gone(made) {
                return Verdict::Kept(None);
            }
            if let Some(verdict) = told(made) {
                return verdict;
            }
            if made.fact.named.is_some() && self.forwards {
                return Verdict::Waits;
            }
            let before = |at: u32| self.asked[at as usize].key() < made.fact.key();
            let tags = made.fact.others.iter().filter(|tag| passes(tag.name));
            let tags: Vec<Tag> = made.fact.known.iter().chain(tags).copied().collect();
            let strict = cyclic(made.callee);
            if let Some(list) = index.tagged(&tags) {
                let list: Vec<u32> = list.into_iter().filter(|at| before(*at)).collect();
                match list[..] {
                    [] => {}
                    [only] => return Verdict::Sure(only, Rule::Header, Confidence::CERTAIN),
                    _ => return Verdict::Open(list, Some(Rule::Header)),
                }
            }
            let mut open = reach.open(&self.asked, &made.fact);
            open.retain(|at| {
                self.asked[*at as usize].span != made.fact.span && (!strict || before(*at))
            });
            let partly = |at: &u32| self.asked[*at as usize].start <= self.partly_until;
            if open.iter().any(partly) {
                let parent = made.edge.and_then(|edge| index.spans.get(&edge.parent));
                return Verdict::Kept(parent.copied());
            }
            judge(&made.fact, open, &index, &self.asked, solo(made.fact.start))
        };
        let verdicts: Vec<Verdict> = self.made.iter().map(verdict).collect();
        self.compare(&verdicts);
        verdicts
    }

    /// How long nearly all of its requests take, in microseconds: a call may be made by one that comes so much later.
    pub(super) fn longest(&self) -> i64 {
        let times = self.asked.iter();
        let mut times: Vec<i64> = times.map(|one| one.end.saturating_sub(one.start)).collect();
        let place = times.len().saturating_sub(1) * 99 / 100;
        if times.is_empty() {
            return 0;
        }
        *times.select_nth_unstable(place).1
    }

    /// Learns which headers the service passes on, from pairs that other rules are sure of.
    fn compare(&mut self, verdicts: &[Verdict]) {
        for (made, verdict) in self.made.iter_mut().zip(verdicts) {
            let parent = match verdict {
                Verdict::Named(parent)
                | Verdict::Sure(parent, Rule::Context | Rule::Contained, _) => *parent,
                _ => continue,
            };
            if std::mem::replace(&mut made.compared, true) {
                continue;
            }
            let asked = &self.asked[parent as usize];
            for tag in &made.fact.others {
                let Some(other) = asked.others.iter().find(|other| other.name == tag.name) else {
                    continue;
                };
                let room = self.passed_on.len() < MOST_NAMES;
                if room || self.passed_on.contains_key(&tag.name) {
                    let seen = self.passed_on.entry(tag.name).or_default();
                    seen.0 += u32::from(other.value == tag.value);
                    seen.1 += 1;
                }
            }
        }
    }

    /// Forgets what was learned, and what is still open.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// What rules 3, 4 and 6 say of those in flight.
fn judge(
    call: &Fact,
    open: Vec<u32>,
    index: &Index,
    asked: &VecDeque<Fact>,
    solo: bool,
) -> Verdict {
    match open[..] {
        [] => return Verdict::Alone,
        [only] => {
            let parent = &asked[only as usize];
            if solo {
                return Verdict::Sure(only, Rule::Solo, Confidence::CERTAIN);
            }
            if call.end <= parent.end.saturating_add(TOLERANCE) {
                return Verdict::Sure(only, Rule::Contained, Confidence::CERTAIN);
            }
            return Verdict::Open(open, None);
        }
        _ => {}
    }
    let rare = |token: &&u32| {
        index
            .tokens
            .get(token)
            .is_some_and(|list| list.len() <= RARE)
    };
    let mut sharing: Vec<u32> = open
        .iter()
        .copied()
        .filter(|at| {
            let tokens = &asked[*at as usize].tokens;
            call.tokens
                .iter()
                .filter(rare)
                .any(|token| tokens.contains(token))
        })
        .collect();
    sharing.dedup();
    match sharing[..] {
        [] => Verdict::Open(open, solo.then_some(Rule::Solo)),
        [only] => Verdict::Sure(only, Rule::Token, Confidence::of(0.97)),
        _ => Verdict::Open(sharing, Some(Rule::Token)),
    }
}

/// The edge to a parent.
pub(super) fn edge(parent: &Fact, child: &Fact, rule: Rule, confidence: Confidence) -> JoinedEdge {
    let kind = if child.end > parent.end.saturating_add(TOLERANCE) {
        EdgeKind::Link
    } else {
        EdgeKind::Child
    };
    JoinedEdge {
        parent: parent.span,
        rule,
        confidence,
        kind,
    }
}

/// What was asked, by what it carries.
struct Index {
    spans: HashMap<SpanId, u32>,
    traces: HashMap<u128, Vec<u32>>,
    tags: HashMap<Tag, Vec<u32>>,
    tokens: HashMap<u32, Vec<u32>>,
}

impl Index {
    fn of(asked: &VecDeque<Fact>) -> Self {
        let mut index = Self {
            spans: HashMap::with_capacity(asked.len()),
            traces: HashMap::with_capacity(asked.len()),
            tags: HashMap::new(),
            tokens: HashMap::new(),
        };
        for (at, fact) in (0_u32..).zip(asked) {
            index.spans.entry(fact.span).or_insert(at);
            index.traces.entry(fact.trace.0).or_default().push(at);
            for tag in fact.known.iter().chain(&fact.others) {
                index.tags.entry(*tag).or_default().push(at);
            }
            for token in &fact.tokens {
                index.tokens.entry(*token).or_default().push(at);
            }
        }
        index
    }

    /// What the call's own context says, if it names a parent.
    fn context(&self, call: &Fact, asked: &VecDeque<Fact>) -> Option<Verdict> {
        let named = call.named?;
        if let Some(&at) = self.spans.get(&named).filter(|_| named != call.span) {
            return Some(Verdict::Named(at));
        }
        let before = |at: &u32| asked[*at as usize].key() < call.key();
        let same = self.traces.get(&call.trace.0)?;
        let same: Vec<u32> = same.iter().copied().filter(before).collect();
        match same[..] {
            [] => None,
            [only] => Some(Verdict::Sure(only, Rule::Context, Confidence::CERTAIN)),
            _ => Some(Verdict::Open(same, Some(Rule::Context))),
        }
    }

    /// The requests with the rarest of these headers, if one is rare.
    fn tagged(&self, tags: &[Tag]) -> Option<Vec<u32>> {
        let lists = tags.iter().filter_map(|tag| self.tags.get(tag));
        let rarest = lists.min_by_key(|list| list.len())?;
        (rarest.len() <= RARE * 4).then(|| rarest.clone())
    }
}

/// For each request the latest end of all before it, so that a search backwards knows when to stop.
struct Reach(Vec<i64>);

impl Reach {
    fn of(asked: &VecDeque<Fact>) -> Self {
        let mut latest = i64::MIN;
        let ends = asked.iter().map(|fact| {
            latest = latest.max(fact.end);
            latest
        });
        Self(ends.collect())
    }

    /// Which requests were in flight when this call began, as far as clocks agree. At most the newest of them.
    fn open(&self, asked: &VecDeque<Fact>, call: &Fact) -> Vec<u32> {
        const MOST_OPEN: usize = 128;
        let begun = call.start.saturating_add(TOLERANCE);
        let until = asked.partition_point(|fact| fact.start <= begun);
        let since = call.start.saturating_sub(TOLERANCE);
        let mut open = Vec::new();
        for at in (0..until).rev() {
            if self.0[at] < since || open.len() >= MOST_OPEN {
                break;
            }
            if asked[at].end >= since {
                open.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        open.reverse();
        open
    }
}
