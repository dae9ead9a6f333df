//! What a service does for a request, learned: which calls, in which order, and how long after what.

use std::collections::{BTreeMap, HashMap};

use super::density::Density;
use super::problem::{Call, Parent, Problem};

/// The calls of one operation within a request are told apart up to this number.
pub(super) const ORDINALS: usize = 4;
/// A reference has to exist in this part of the cases.
const COVER: f64 = 0.7;
/// Children of a request beyond which it no longer helps to look at each.
pub(super) const MOST_CHILDREN: usize = 64;

/// What a service does for requests of one operation.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// How many requests it was learned from.
    pub(super) requests: usize,
    pub(super) slots: Vec<Slot>,
    /// The key of each slot.
    pub(super) keys: Vec<Key>,
    /// How often just these calls were made, whatever their order, common ones favoured; by their number.
    shapes: Vec<(u64, f64)>,
    /// For each operation called how often it was called 0, 1, 2, … times.
    counts: BTreeMap<u32, Vec<f64>>,
    /// How long after its last call was answered the request was, by that call's operation.
    pub(super) ends: Vec<(Option<u32>, End)>,
    /// The same for a last call like none that was seen.
    pub(super) any_end: End,
}

/// One of the calls.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) after: Reference,
    pub(super) delay: Density,
    pub(super) since_start: Density,
}

/// When the request was answered.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) after_last: bool,
    pub(super) delay: Density,
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// The request itself.
    Start,
    /// The last answer that had come.
    LastEnd,
    /// The call before.
    LastStart,
    /// This call's begin or end.
    SlotStart(usize),
    SlotEnd(usize),
}

/// A request with its calls, by their begin.
#[derive(Clone, Copy)]
struct Case<'a> {
    parent: &'a Parent,
    children: &'a [u32],
    calls: &'a [Call],
}

/// An operation, which of its calls within the request, and whether the request had made none before.
pub(super) type Key = (u32, usize, bool);

impl Case<'_> {
    fn call(&self, at: usize) -> &Call {
        &self.calls[self.children[at] as usize]
    }

    fn key(&self, at: usize) -> Key {
        let op = self.call(at).op;
        let before = (0..at).filter(|&other| self.call(other).op == op).count();
        (op, before.min(ORDINALS - 1), at == 0)
    }

    fn find(&self, (op, ordinal, _): Key) -> Option<&Call> {
        let calls = self
            .children
            .iter()
            .map(|&child| &self.calls[child as usize]);
        calls.filter(|call| call.op == op).nth(ordinal)
    }

    /// When that happened which the call at this place waits for.
    fn time(&self, at: usize, after: Reference, slots: &[Key]) -> Option<i64> {
        let before = || (0..at).map(|other| self.call(other));
        let start = self.call(at).start;
        match after {
            Reference::Start => Some(self.parent.start),
            Reference::LastEnd => {
                let ends = before().map(|call| call.end).filter(|end| *end <= start);
                Some(ends.max().unwrap_or(self.parent.start))
            }
            Reference::LastStart => Some(
                before()
                    .next_back()
                    .map_or(self.parent.start, |call| call.start),
            ),
            Reference::SlotStart(slot) => self.find(slots[slot]).map(|call| call.start),
            Reference::SlotEnd(slot) => self.find(slots[slot]).map(|call| call.end),
        }
    }

    /// The call whose answer was the last that came before the request was answered.
    fn last(&self) -> Option<&Call> {
        let calls = (0..self.children.len()).map(|at| self.call(at));
        calls
            .filter(|call| call.end <= self.parent.end)
            .max_by_key(|call| call.end)
    }
}

/// A number for the operations called, whatever their order.
fn shape(ops: impl Iterator<Item = u32>) -> u64 {
    ops.fold(0, |sum: u64, op| sum.wrapping_add(mix(op)))
}

/// The part that one call of the operation has in a [`shape`].
pub(super) fn mix(op: u32) -> u64 {
    let mixed = (u64::from(op) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Learns one template for each operation from requests and the calls they are taken to have made.
pub(super) fn learn(
    problem: &Problem,
    children: &[Vec<u32>],
    trusted: impl Fn(usize) -> bool,
) -> HashMap<u32, Template> {
    let mut cases: HashMap<u32, Vec<Case<'_>>> = HashMap::new();
    for (index, (parent, list)) in problem.parents.iter().zip(children).enumerate() {
        if trusted(index) && problem.is_whole(parent) && list.len() <= MOST_CHILDREN {
            cases.entry(parent.op).or_default().push(Case {
                parent,
                children: list,
                calls: &problem.calls,
            });
        }
    }
    let alike = alike(&cases);
    let together: Vec<Case<'_>> = alike
        .iter()
        .flat_map(|op| cases[op].iter().copied())
        .collect();
    let together = (!alike.is_empty()).then(|| Template::of(&together));
    let one = |(op, cases): (u32, Vec<Case<'_>>)| match &together {
        Some(together) if alike.contains(&op) => (op, together.clone()),
        _ => (op, Template::of(&cases)),
    };
    cases.into_iter().map(one).collect()
}

/// The variants of operations, if there are several and they make the same calls: a service that gathers does the same when it has
/// all, whatever came last. What is known of few is then known of all of them.
fn alike(cases: &HashMap<u32, Vec<Case<'_>>>) -> Vec<u32> {
    let known = cases
        .iter()
        .filter(|(op, cases)| *op & 1 == 1 && cases.len() >= FEW);
    let mut variants: Vec<u32> = known.map(|(op, _)| *op).collect();
    variants.sort_unstable();
    let rates = |cases: &mut dyn Iterator<Item = &Case<'_>>| {
        let (mut rates, mut all): (BTreeMap<u32, f64>, _) = (BTreeMap::new(), 0.0_f64);
        for one in cases {
            all += 1.0;
            for at in 0..one.children.len() {
                *rates.entry(one.call(at).op).or_default() += 1.0;
            }
        }
        for rate in rates.values_mut() {
            *rate /= all.max(1.0);
        }
        rates
    };
    let whole = rates(&mut variants.iter().flat_map(|op| &cases[op]));
    let is_like = |op: &u32| {
        let own = rates(&mut cases[op].iter());
        let rate = |rates: &BTreeMap<u32, f64>, call| rates.get(call).copied().unwrap_or(0.0);
        let apart: f64 = whole
            .iter()
            .map(|(call, other)| (rate(&own, call) - other).abs())
            .sum();
        let sum = whole.values().sum::<f64>() + own.values().sum::<f64>();
        apart <= ALIKE * sum
    };
    if variants.len() < 2 || !variants.iter().all(is_like) {
        return Vec::new();
    }
    variants
}

/// Operations are alike if how often each call is made differs by no more than this part of how often calls are made.
const ALIKE: f64 = 0.35;
/// From fewer requests it is not known which calls are made.
const FEW: usize = 5;

/// What was learned from was attached by chance in part, and every mistake makes two odd shapes, which would be taken for
/// usual in the next round. So shapes count by their square, all together as before.
fn favour_common(shapes: &mut BTreeMap<u64, f64>) {
    let all: f64 = shapes.values().sum();
    let squares: f64 = shapes.values().map(|count| count * count).sum();
    for count in shapes.values_mut() {
        *count *= *count * all / squares.max(1.0);
    }
}

impl Template {
    fn of(cases: &[Case<'_>]) -> Self {
        let mut places: HashMap<Key, Vec<(usize, usize)>> = HashMap::new();
        for (case, one) in cases.iter().enumerate() {
            for at in 0..one.children.len() {
                places.entry(one.key(at)).or_default().push((case, at));
            }
        }
        let mut keys: Vec<Key> = places.keys().copied().collect();
        keys.sort_by_key(|key| (std::cmp::Reverse(places[key].len()), *key));
        let refer = &keys;
        let slots = keys
            .iter()
            .map(|key| slot(*key, cases, &places[key], refer));
        let mut shapes = BTreeMap::new();
        for one in cases {
            let ops = (0..one.children.len()).map(|at| one.call(at).op);
            *shapes.entry(shape(ops)).or_insert(0.0) += 1.0;
        }
        favour_common(&mut shapes);
        Self {
            requests: cases.len(),
            slots: slots.collect(),
            shapes: shapes.into_iter().collect(),
            counts: counts(cases),
            ends: ends(cases),
            any_end: end(&cases.iter().collect::<Vec<_>>()),
            keys,
        }
    }

    /// The natural logarithm of how likely just these calls are, given their [`shape`] and how often each operation is called.
    pub(super) fn log_shape(&self, shape: u64, count_of: impl Fn(u32) -> usize) -> f64 {
        let requests = self.requests as f64;
        let place = self.shapes.binary_search_by_key(&shape, |known| known.0);
        let seen = place.map_or(0.0, |place| self.shapes[place].1) / requests.max(1.0);
        let mut alone = 1.0;
        for (op, counts) in &self.counts {
            let seen = counts.get(count_of(*op)).copied().unwrap_or(0.0);
            alone *= (seen + 0.3) / (requests + 0.3 * (counts.len() + 1) as f64);
        }
        (0.9 * seen + 0.1 * alone).max(1e-30).ln()
    }
}

fn slot(key: Key, cases: &[Case<'_>], places: &[(usize, usize)], slots: &[Key]) -> Slot {
    let delays = |after: Reference| {
        let times = places.iter().filter_map(move |&(case, at)| {
            let start = cases[case].call(at).start;
            Some(start.saturating_sub(cases[case].time(at, after, slots)?))
        });
        times.collect::<Vec<_>>()
    };
    let since_start = Density::of(
        delays(Reference::Start)
            .into_iter()
            .map(|delay| (delay, 1.0)),
    );
    let others =
        (0..slots.len()).filter(|&other| (slots[other].0, slots[other].1) != (key.0, key.1));
    let others = others.flat_map(|other| [Reference::SlotStart(other), Reference::SlotEnd(other)]);
    let all = [Reference::Start, Reference::LastEnd, Reference::LastStart];
    let mut best = (f64::NEG_INFINITY, Reference::Start, since_start.clone());
    for after in all.into_iter().chain(others) {
        let delays = delays(after);
        if (delays.len() as f64) < COVER * places.len() as f64 {
            continue;
        }
        // Something cannot wait for what is still to come.
        let early = delays.iter().filter(|delay| **delay < -TOLERANCE).count();
        if early * 10 > delays.len() {
            continue;
        }
        let density = Density::of(delays.iter().map(|&delay| (delay, 1.0)));
        let mean =
            delays.iter().map(|delay| density.log(*delay)).sum::<f64>() / delays.len() as f64;
        if mean > best.0 + 0.02 {
            best = (mean, after, density);
        }
    }
    Slot {
        key,
        after: best.1,
        delay: best.2,
        since_start,
    }
}

/// Clocks may disagree by this much, in microseconds.
pub(super) const TOLERANCE: i64 = 1_000;

fn counts(cases: &[Case<'_>]) -> BTreeMap<u32, Vec<f64>> {
    let mut counts: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for one in cases {
        for at in 0..one.children.len() {
            counts.entry(one.call(at).op).or_default();
        }
    }
    for (op, counts) in &mut counts {
        for one in cases {
            let count = (0..one.children.len())
                .filter(|&at| one.call(at).op == *op)
                .count();
            if counts.len() <= count {
                counts.resize(count + 1, 0.0);
            }
            counts[count] += 1.0;
        }
    }
    counts
}

fn ends(cases: &[Case<'_>]) -> Vec<(Option<u32>, End)> {
    let mut by_last: BTreeMap<Option<u32>, Vec<&Case<'_>>> = BTreeMap::new();
    for one in cases {
        by_last
            .entry(one.last().map(|call| call.op))
            .or_default()
            .push(one);
    }
    by_last
        .into_iter()
        .map(|(last, cases)| (last, end(&cases)))
        .collect()
}

fn end(cases: &[&Case<'_>]) -> End {
    let of = |after_last: bool| {
        let delays: Vec<i64> = cases
            .iter()
            .map(|case| end_delay(case.parent, case.last(), after_last))
            .collect();
        let delay = Density::of(delays.iter().map(|&delay| (delay, 1.0)));
        let sum: f64 = delays.iter().map(|other| delay.log(*other)).sum();
        (sum, End { after_last, delay })
    };
    let (after_last, whole) = (of(true), of(false));
    if after_last.0 >= whole.0 {
        after_last.1
    } else {
        whole.1
    }
}

fn end_delay(parent: &Parent, last: Option<&Call>, after_last: bool) -> i64 {
    let from = last
        .filter(|_| after_last)
        .map_or(parent.start, |call| call.end);
    parent.end.saturating_sub(from)
}
