//! Joining without headers: which exchange caused which, where the services do not say so themselves.
//!
//! Pure: exchanges come in, in any order; time is a parameter; news of edges come out. For each service a [`desk`] keeps the
//! newest requests that it was asked and calls that it made. Rules that look at one call (`desk`) come first; what they leave
//! open is decided for all calls of a service at once ([`solve`]), from what the service was seen to do ([`template`]).

mod bootstrap;
mod density;
mod desk;
mod edge;
mod facts;
mod graph;
mod problem;
mod ready;
mod sample;
mod solve;
mod template;

use std::collections::{HashMap, HashSet};

use self::desk::{Desk, Made, Verdict};
pub use self::edge::{Confidence, EdgeKind, Joined, JoinedEdge, Rule};
use self::facts::Fact;
use self::graph::Graph;
use self::problem::{Call, NOBODY, Parent, Problem};
use self::sample::{Sampled, Steps, sample};
use super::exchange::{Exchange, ExchangeStatus, SpanId};
use crate::stack::ServiceName;

/// So many calls may come for a service before they are looked at, whether or not anybody asks.
const MOST_FRESH: usize = 1024;
/// Of a service with so few calls all is solved from scratch each time: then the order in which exchanges came makes no
/// difference.
const FEW: usize = 48;
/// Steps of one walk over what is new, however much that is.
const MOST_STEPS: usize = 400_000;
/// Services that are told apart; exchanges of others are not joined.
const MOST_SERVICES: usize = 1000;
/// Exchanges on a way up to the root.
const MOST_DEEP: usize = 64;

/// Joins exchanges. See the module.
#[derive(Debug, Default)]
pub struct Joiner {
    numbers: HashMap<ServiceName, usize>,
    desks: Vec<Desk>,
    graph: Graph,
    /// The parent of each call that is kept, named or joined, and how sure that is.
    up: HashMap<SpanId, (SpanId, f64)>,
    /// When only one request was let in at a time, in microseconds since 1970; an open end is the greatest number.
    solo: Vec<(i64, i64)>,
    news: Vec<Joined>,
    left_out: u64,
    /// In microseconds since 1970: the latest that was told, or that something ended.
    now: i64,
}

impl Joiner {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an exchange that has ended. Constant time but for one look at its service in every thousand.
    pub fn push(&mut self, exchange: &Exchange) {
        // A connection outlives the requests that it serves.
        if exchange.status == ExchangeStatus::Bytes {
            return;
        }
        let Some(to) = self.number(&exchange.callee) else {
            return;
        };
        let fact = Fact::of(exchange);
        self.now = self.now.max(fact.end);
        self.desks[to].ask(fact.clone());
        let Some(from) = exchange.caller.as_ref().and_then(|name| self.number(name)) else {
            return;
        };
        if self.graph.add(from, to) {
            self.desks.iter_mut().for_each(|desk| desk.dirty = true);
        }
        if let Some(gone) = self.desks[from].make(fact, to) {
            self.up.remove(&gone.fact.span);
        }
        if self.desks[from].fresh >= MOST_FRESH {
            self.settle_dirty();
        }
    }

    /// Looks at everything that came since the last time, and gives back whose edges are others now.
    /// What is told of exchanges that ended not long before `now` is provisional: who caused them may still be at it.
    pub fn settle(&mut self, now: jiff::Timestamp) -> Vec<Joined> {
        self.now = self.now.max(now.as_microsecond());
        self.settle_dirty();
        std::mem::take(&mut self.news)
    }

    /// Forgets how a service behaves, because it is another one now: it was rebuilt.
    pub fn forget(&mut self, service: &ServiceName) {
        self.settle_dirty();
        if let Some(&number) = self.numbers.get(service) {
            for made in &self.desks[number].made {
                self.up.remove(&made.fact.span);
            }
            self.desks[number].forget();
        }
    }

    /// From `from` until `until` only one request was let in at a time: whatever happened then belongs to it.
    pub fn solo(&mut self, from: jiff::Timestamp, until: jiff::Timestamp) {
        const MOST_SOLO: usize = 1000;
        if self.solo.len() == MOST_SOLO {
            self.solo.remove(0);
        }
        self.solo
            .push((from.as_microsecond(), until.as_microsecond()));
    }

    /// Whether something is to be looked at again when some time has passed without news, because who caused what ended
    /// last may not have been answered yet.
    pub fn is_waiting(&self) -> bool {
        self.desks.iter().any(|desk| desk.ripe_at.is_some())
    }

    /// How many exchanges were not looked at, because there are too many services.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn number(&mut self, service: &ServiceName) -> Option<usize> {
        if let Some(number) = self.numbers.get(service) {
            return Some(*number);
        }
        if self.desks.len() == MOST_SERVICES {
            self.left_out += 1;
            return None;
        }
        self.numbers.insert(service.clone(), self.desks.len());
        self.desks.push(Desk::default());
        Some(self.desks.len() - 1)
    }

    fn settle_dirty(&mut self) {
        let mut order: Vec<usize> = (0..self.desks.len()).collect();
        order.sort_by_key(|desk| self.graph.depth(*desk));
        for desk in order {
            let ripe = self.desks[desk].ripe_at.is_some_and(|at| at <= self.now);
            if std::mem::take(&mut self.desks[desk].dirty) || ripe {
                self.look(desk);
            }
            if std::mem::take(&mut self.desks[desk].moved) {
                self.move_on(desk);
            }
        }
    }

    /// What is above the requests of a service is other than it was, and so it is for all that it called for them.
    fn move_on(&mut self, number: usize) {
        let callees: HashSet<usize> = self.desks[number]
            .made
            .iter()
            .map(|made| made.callee)
            .collect();
        for callee in callees {
            if !self.graph.is_cyclic(number, callee) {
                self.desks[callee].moves();
            }
        }
    }

    /// Decides who caused the calls of one service.
    fn look(&mut self, number: usize) {
        let Lasts { variants, sure } = self.last_of_each(number);
        let (graph, solo) = (&self.graph, &self.solo);
        let desk = &mut self.desks[number];
        desk.fresh = 0;
        let verdicts = desk.verdicts(
            |callee| graph.is_cyclic(number, callee),
            |at| solo.iter().any(|&(from, until)| from <= at && at <= until),
        );
        let longest = desk.longest();
        let mut problem = pose(desk, &variants, &verdicts);
        problem.partly_from = self.now.saturating_sub(longest);
        let ends = problem.parents.iter().map(|parent| parent.end);
        let latest = ends
            .chain(problem.calls.iter().map(|call| call.start))
            .max();
        let unripe = latest.filter(|latest| *latest > problem.partly_from);
        desk.ripe_at = unripe.map(|latest| latest.saturating_add(longest));
        let calm = desk.ripe_at.is_none();
        let decided = decide(desk, &problem, &verdicts, calm);
        let edges: Vec<_> = (0..verdicts.len())
            .map(|call| conclude(desk, call, &verdicts[call], decided.as_ref(), &sure))
            .collect();
        for (call, (parent, edge)) in edges.into_iter().enumerate() {
            if !matches!(verdicts[call], Verdict::Kept(_)) {
                self.set(number, call, parent, edge);
            }
        }
    }

    /// Records an edge, and that it is news if it is.
    fn set(&mut self, number: usize, call: usize, parent: Option<u32>, edge: Option<JoinedEdge>) {
        let desk = &mut self.desks[number];
        let above = parent.map(|parent| {
            (
                desk.asked[parent as usize].span,
                desk.asked[parent as usize].trace,
            )
        });
        let made = &mut desk.made[call];
        let sure = edge.map_or(1.0, |edge| edge.confidence.share());
        let before = match above {
            Some((span, _)) => self.up.insert(made.fact.span, (span, sure)),
            None => self.up.remove(&made.fact.span),
        };
        if made.edge != edge {
            made.edge = edge;
            self.news.push(Joined {
                span: made.fact.span,
                trace: made.fact.trace,
                edge: edge.zip(above.map(|(_, trace)| trace)),
            });
        }
        let callee = made.callee;
        if before != above.map(|(span, _)| (span, sure)) && !self.graph.is_cyclic(number, callee) {
            self.desks[callee].moves();
        }
    }

    /// Which requests of a service were the last of their trace to be answered there. Told apart only where
    /// traces come more than once: a service that gathers what others bring acts when it has all.
    fn last_of_each(&self, number: usize) -> Lasts {
        let asked = &self.desks[number].asked;
        let mut last: HashMap<SpanId, u32> = HashMap::with_capacity(asked.len());
        let mut sure = Vec::with_capacity(asked.len());
        for (at, fact) in (0_u32..).zip(asked) {
            let (root, sure_of_it) = self.root(fact.span);
            sure.push(sure_of_it);
            let known = last.entry(root).or_insert(at);
            let other = &asked[*known as usize];
            if (other.end, other.span) < (fact.end, fact.span) {
                *known = at;
            }
        }
        let mut variants = vec![false; asked.len()];
        if last.len() * 3 < asked.len() * 2 {
            for at in last.into_values() {
                variants[at as usize] = true;
            }
        } else {
            sure.fill(1.0);
        }
        Lasts { variants, sure }
    }

    /// What is at the top of it, and how sure that is.
    fn root(&self, mut span: SpanId) -> (SpanId, f64) {
        let mut sure = 1.0;
        for _ in 0..MOST_DEEP {
            match self.up.get(&span) {
                Some((above, sure_of_it)) => {
                    sure *= sure_of_it;
                    span = *above;
                }
                None => break,
            }
        }
        (span, sure)
    }
}

/// For each request of a service whether it was the last of its trace to be answered there, and how sure that is.
struct Lasts {
    variants: Vec<bool>,
    sure: Vec<f64>,
}

/// The calls of a service and who may have made them, as a problem to be solved.
fn pose(desk: &Desk, lasts: &[bool], verdicts: &[Verdict]) -> Problem {
    let parent = |(fact, last): (&Fact, &bool)| Parent {
        start: fact.start,
        end: fact.end,
        op: fact.op | u32::from(*last),
    };
    let call = |made: &Made| Call {
        start: made.fact.start,
        end: made.fact.end,
        op: made.fact.op,
    };
    let candidates = |verdict: &Verdict| match verdict {
        Verdict::Named(parent) | Verdict::Sure(parent, ..) | Verdict::Kept(Some(parent)) => {
            vec![*parent]
        }
        Verdict::Open(list, _) => list.clone(),
        Verdict::Alone | Verdict::Waits | Verdict::Kept(None) => Vec::new(),
    };
    Problem {
        parents: desk.asked.iter().zip(lasts).map(parent).collect(),
        calls: desk.made.iter().map(call).collect(),
        candidates: verdicts.iter().map(candidates).collect(),
        certain: verdicts
            .iter()
            .map(|verdict| {
                matches!(
                    verdict,
                    Verdict::Named(_) | Verdict::Sure(..) | Verdict::Kept(Some(_))
                )
            })
            .collect(),
        partly_until: desk.partly_until,
        partly_from: i64::MAX,
    }
}

/// What was decided, and for which calls anew.
struct Decided {
    sampled: Sampled,
    anew: Vec<bool>,
}

/// Solves what is open: all of it where that is little or much has come, else only what is new.
fn decide(desk: &mut Desk, problem: &Problem, verdicts: &[Verdict], calm: bool) -> Option<Decided> {
    let mut anew = vec![false; verdicts.len()];
    let (mut open, mut new) = (0, 0);
    for (call, verdict) in verdicts.iter().enumerate() {
        if let Verdict::Open(list, _) = verdict {
            open += 1;
            let spans = list.iter().map(|at| desk.asked[*at as usize].span);
            if desk.made[call].among.is_empty() {
                desk.decided_since += 1;
            }
            if !spans.eq(desk.made[call].among.iter().copied()) {
                let spans = list.iter().map(|at| desk.asked[*at as usize].span);
                desk.made[call].among = spans.collect();
                anew[call] = true;
                new += 1;
            }
        }
    }
    let most_new = if calm {
        desk.learned_from / 16
    } else {
        desk.learned_from / 2
    };
    if open > 0 && (verdicts.len() <= FEW || desk.decided_since > most_new) {
        let (sampled, templates) = solve::solve(problem);
        desk.templates = templates;
        desk.learned_from = (desk.learned_from + desk.decided_since).min(desk::MOST);
        desk.decided_since = 0;
        for (anew, verdict) in anew.iter_mut().zip(verdicts) {
            *anew = matches!(verdict, Verdict::Open(..));
        }
        return Some(Decided { sampled, anew });
    }
    if new == 0 {
        return None;
    }
    // Those that could change places with what is new are decided again.
    let candidates = problem.candidates.iter().zip(&anew);
    let first = candidates
        .filter(|(_, anew)| **anew)
        .filter_map(|(list, _)| list.first());
    let since = first
        .map(|at| problem.parents[*at as usize].start)
        .min()
        .unwrap_or(i64::MAX);
    for (call, verdict) in verdicts.iter().enumerate() {
        anew[call] |= matches!(verdict, Verdict::Open(..)) && problem.calls[call].start >= since;
    }
    let walking: Vec<u32> = (0_u32..)
        .zip(&anew)
        .filter(|(_, anew)| **anew)
        .map(|(call, _)| call)
        .collect();
    let each = (MOST_STEPS / walking.len()).min(240);
    let steps = Steps {
        cooling: each / 6,
        counting: each / 2,
        doubting: each / 3,
        heat: 1.0,
    };
    let first = known(desk, problem);
    Some(Decided {
        sampled: sample(problem, &desk.templates, &first, &walking, steps),
        anew,
    })
}

/// What is known of each call: its edge as it is, and for a new one the request that came last.
fn known(desk: &Desk, problem: &Problem) -> Vec<u32> {
    let known = |(made, list): (&Made, &Vec<u32>)| {
        let edge = made.edge.map(|edge| edge.parent);
        let same = list
            .iter()
            .find(|at| Some(desk.asked[**at as usize].span) == edge);
        same.or(list.last()).copied().unwrap_or(NOBODY)
    };
    desk.made
        .iter()
        .zip(&problem.candidates)
        .map(known)
        .collect()
}

/// The parent of a call and the edge that is to be told, if any.
fn conclude(
    desk: &Desk,
    call: usize,
    verdict: &Verdict,
    decided: Option<&Decided>,
    sure: &[f64],
) -> (Option<u32>, Option<JoinedEdge>) {
    let made = &desk.made[call];
    let told = |parent: u32, rule, confidence| {
        let edge = desk::edge(&desk.asked[parent as usize], &made.fact, rule, confidence);
        (Some(parent), Some(edge))
    };
    match verdict {
        Verdict::Named(parent) => (Some(*parent), None),
        Verdict::Sure(parent, rule, confidence) => told(*parent, *rule, *confidence),
        Verdict::Alone | Verdict::Waits | Verdict::Kept(_) => (None, None),
        Verdict::Open(list, rule) => {
            let anew = decided.filter(|decided| decided.anew[call]);
            let Some(decided) = anew else {
                let edge = made.edge;
                let same = |at: &&u32| {
                    Some(desk.asked[**at as usize].span) == edge.map(|edge| edge.parent)
                };
                return (list.iter().find(same).copied(), edge);
            };
            match decided.sampled.assignment[call] {
                NOBODY => (None, None),
                parent => {
                    // The walk is surer than it is right, because templates are only nearly true.
                    let walked = decided.sampled.confidence[call].powi(2);
                    let confidence = Confidence::of(walked * sure[parent as usize]);
                    told(parent, rule.unwrap_or(Rule::Assigned), confidence)
                }
            }
        }
    }
}
