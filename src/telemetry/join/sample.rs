//! Who made which call, all calls of a service at once: a walk over whole assignments that stays where they are likely.
//!
//! Metropolis and Hastings' method over exchanges of calls between two parents: one call for another, or all calls from
//! one on. How often the walk has a call at a parent is how sure that edge is. The walk is seeded from what it is given,
//! so the same input has the same answer.

use std::collections::HashMap;

use super::problem::{Assignment, NOBODY, Problem};
use super::template::{MOST_CHILDREN, Template};

/// Steps for each call: first to find the likely ones, then to count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) cooling: usize,
    pub(super) counting: usize,
    /// Then to see how sure the likeliest is, at [`DOUBT`].
    pub(super) doubting: usize,
    /// How freely the walk takes what is less likely while it counts: 1 is as likely as it is.
    pub(super) heat: f64,
}

/// The likeliest parent of each call, and how likely it is.
pub(super) struct Sampled {
    /// The last assignment of the walk, which is as likely as the model says, as a whole.
    pub(super) drawn: Assignment,
    pub(super) assignment: Assignment,
    pub(super) confidence: Vec<f64>,
}

/// Heat at which it is seen how sure an answer is: what was learned is only nearly true, and was learned from the answers.
const DOUBT: f64 = 2.5;

/// For a request of an operation of which nothing is known, for each of its calls.
const UNKNOWN: f64 = -16.0;

struct Walk<'a> {
    problem: &'a Problem,
    /// For each parent.
    templates: Vec<Option<&'a Template>>,
    /// What a call costs that nobody asked for.
    alone: f64,
    assignment: Assignment,
    children: Vec<Vec<u32>>,
    score: Vec<f64>,
    random: Random,
    /// For each call whether it may move.
    walks: Vec<bool>,
    /// For each call: since which step it is where it is, and how long it was at each candidate (last: at none).
    since: Vec<usize>,
    spent: Vec<Vec<usize>>,
    step: usize,
}

/// Samples from a first assignment on.
pub(super) fn sample(
    problem: &Problem,
    templates: &HashMap<u32, Template>,
    first: &[u32],
    open: &[u32],
    steps: Steps,
) -> Sampled {
    let mut walk = Walk::new(problem, templates, first);
    for call in open {
        walk.walks[*call as usize] = true;
    }
    let (cooling, counting) = (steps.cooling * open.len(), steps.counting * open.len());
    for step in 0..cooling {
        let heat = 1.0 + 3.0 * (1.0 - step as f64 / cooling as f64).powi(2);
        walk.step(open, heat);
    }
    walk.forget_time();
    for _ in 0..counting {
        walk.step(open, steps.heat);
    }
    let drawn = walk.assignment.clone();
    let (assignment, mut confidence) = walk.likeliest();
    if steps.doubting > 0 {
        walk.forget_time();
        for _ in 0..steps.doubting * open.len() {
            walk.step(open, DOUBT);
        }
        confidence = walk.shares(&assignment);
    }
    Sampled {
        drawn,
        assignment,
        confidence,
    }
}

impl<'a> Walk<'a> {
    fn new(problem: &'a Problem, templates: &'a HashMap<u32, Template>, first: &[u32]) -> Self {
        let children = problem.children(first);
        let mut walk = Self {
            problem,
            templates: problem
                .parents
                .iter()
                .map(|parent| templates.get(&parent.op))
                .collect(),
            alone: (0.1 / problem.length() as f64).ln(),
            assignment: first.to_vec(),
            score: vec![0.0; problem.parents.len()],
            children,
            random: Random(problem.calls.len() as u64 ^ 0x5eed),
            walks: vec![false; problem.calls.len()],
            since: vec![0; problem.calls.len()],
            spent: problem
                .candidates
                .iter()
                .map(|list| vec![0; list.len() + 1])
                .collect(),
            step: 0,
        };
        for parent in 0..walk.score.len() {
            walk.score[parent] = walk.scored(parent, &walk.children[parent]);
        }
        walk
    }

    fn scored(&self, parent: usize, children: &[u32]) -> f64 {
        let one = &self.problem.parents[parent];
        match self.templates[parent] {
            Some(template) if children.len() <= MOST_CHILDREN => {
                template.log(one, children, &self.problem.calls)
            }
            _ => UNKNOWN * children.len() as f64,
        }
    }

    fn step(&mut self, open: &[u32], heat: f64) {
        self.step += 1;
        let call = open[self.random.below(open.len())];
        let candidates = &self.problem.candidates[call as usize];
        let from = self.assignment[call as usize];
        let nobody_too = usize::from(self.random.below(8) == 0);
        let pick = self.random.below(candidates.len() + nobody_too);
        let to = candidates.get(pick).copied().unwrap_or(NOBODY);
        if to == from {
            return;
        }
        if from == NOBODY || to == NOBODY {
            self.relocate(call, from, to, heat);
            return;
        }
        match self.random.below(8) {
            0 => self.relocate(call, from, to, heat),
            1 => self.swap(call, from, to, heat, false),
            2 => self.swap(call, from, to, heat, true),
            3 => self.cut(from, to, (call, call), heat),
            4 => self.cut(from, to, (0, 0), heat),
            _ => self.mix(from, to, heat),
        }
    }

    /// One call to another parent, or to none.
    fn relocate(&mut self, call: u32, from: u32, to: u32, heat: f64) {
        let mut moved = Vec::with_capacity(2);
        let mut gain = 0.0;
        if from == NOBODY {
            gain -= self.alone;
        } else {
            let mut list = self.children[from as usize].clone();
            list.retain(|other| *other != call);
            moved.push((from, list));
        }
        if to == NOBODY {
            gain += self.alone;
        } else {
            let mut list = self.children[to as usize].clone();
            let place = list.partition_point(|other| *other < call);
            list.insert(place, call);
            moved.push((to, list));
        }
        if self.decide(moved, gain, heat) {
            self.put(call, to);
        }
    }

    /// The call for the same one of the other parent; with `tails` all later calls too.
    fn swap(&mut self, call: u32, from: u32, to: u32, heat: f64, tails: bool) {
        let calls = &self.problem.calls;
        let op = calls[call as usize].op;
        let same = |list: &[u32]| -> Vec<u32> {
            let of_op = list.iter().filter(|other| calls[**other as usize].op == op);
            of_op.copied().collect()
        };
        let ordinal = same(&self.children[from as usize])
            .iter()
            .position(|other| *other == call);
        let partner = ordinal.and_then(|at| same(&self.children[to as usize]).get(at).copied());
        let Some(partner) = partner else {
            return;
        };
        if tails {
            self.cut(from, to, (call, partner), heat);
            return;
        }
        if !self.may(partner, from) {
            return;
        }
        let exchange = |list: &[u32], out: u32, into: u32| {
            let mut list: Vec<u32> = list.iter().copied().filter(|other| *other != out).collect();
            list.insert(list.partition_point(|other| *other < into), into);
            list
        };
        let mine = exchange(&self.children[from as usize], call, partner);
        let theirs = exchange(&self.children[to as usize], partner, call);
        if self.decide(vec![(from, mine), (to, theirs)], 0.0, heat) {
            self.put(call, to);
            self.put(partner, from);
        }
    }

    /// All calls from these on, one of each parent, change places.
    fn cut(&mut self, from: u32, to: u32, (mine, theirs): (u32, u32), heat: f64) {
        let split = |list: &[u32], at: u32| {
            let place = list.partition_point(|other| *other < at);
            (list[..place].to_vec(), list[place..].to_vec())
        };
        let (mut stay, leave) = split(&self.children[from as usize], mine);
        let (mut keep, come) = split(&self.children[to as usize], theirs);
        if !leave.iter().all(|call| self.may(*call, to))
            || !come.iter().all(|call| self.may(*call, from))
        {
            return;
        }
        stay.extend(&come);
        keep.extend(&leave);
        stay.sort_unstable();
        keep.sort_unstable();
        if self.decide(vec![(from, stay), (to, keep)], 0.0, heat) {
            for call in leave {
                self.put(call, to);
            }
            for call in come {
                self.put(call, from);
            }
        }
    }

    /// Each call for the same one of the other parent, or not, as chance has it.
    fn mix(&mut self, from: u32, to: u32, heat: f64) {
        let calls = &self.problem.calls;
        let mut mine = self.children[from as usize].clone();
        let mut theirs = self.children[to as usize].clone();
        let mut changed = Vec::new();
        let mut free = vec![true; theirs.len()];
        for one in &mut mine {
            let op = calls[*one as usize].op;
            let same = |at: &usize| free[*at] && calls[theirs[*at] as usize].op == op;
            let Some(at) = (0..theirs.len()).find(same) else {
                continue;
            };
            free[at] = false;
            if self.random.below(2) == 0 {
                changed.push((*one, theirs[at]));
                std::mem::swap(one, &mut theirs[at]);
            }
        }
        let allowed = |&(one, other): &(u32, u32)| self.may(one, to) && self.may(other, from);
        if changed.is_empty() || !changed.iter().all(allowed) {
            return;
        }
        mine.sort_unstable();
        theirs.sort_unstable();
        if self.decide(vec![(from, mine), (to, theirs)], 0.0, heat) {
            for (one, other) in changed {
                self.put(one, to);
                self.put(other, from);
            }
        }
    }

    fn may(&self, call: u32, parent: u32) -> bool {
        self.walks[call as usize]
            && self.problem.candidates[call as usize]
                .binary_search(&parent)
                .is_ok()
    }

    /// Takes the change if it is likely enough.
    fn decide(&mut self, moved: Vec<(u32, Vec<u32>)>, mut gain: f64, heat: f64) -> bool {
        let mut scores = [0.0; 2];
        for (score, (parent, list)) in scores.iter_mut().zip(&moved) {
            *score = self.scored(*parent as usize, list);
            gain += *score - self.score[*parent as usize];
        }
        if gain < 0.0 && self.random.unit() >= (gain / heat).exp() {
            return false;
        }
        for (score, (parent, list)) in scores.into_iter().zip(moved) {
            self.score[parent as usize] = score;
            self.children[parent as usize] = list;
        }
        true
    }

    fn put(&mut self, call: u32, parent: u32) {
        self.settle(call as usize);
        self.assignment[call as usize] = parent;
    }

    /// Counts the time that the call was where it is.
    fn settle(&mut self, call: usize) {
        let candidates = &self.problem.candidates[call];
        let place = candidates.binary_search(&self.assignment[call]);
        let place = place.unwrap_or(candidates.len());
        self.spent[call][place] += self.step - self.since[call];
        self.since[call] = self.step;
    }

    fn forget_time(&mut self) {
        self.since.fill(self.step);
        self.spent.iter_mut().for_each(|spent| spent.fill(0));
    }

    /// Where each call was longest, and what part of the time.
    fn likeliest(&mut self) -> (Assignment, Vec<f64>) {
        let mut likeliest = self.assignment.clone();
        for (call, likeliest) in likeliest.iter_mut().enumerate() {
            self.settle(call);
            let spent = &self.spent[call];
            let best = (0..spent.len()).max_by_key(|at| spent[*at]);
            if let Some(best) = best.filter(|best| spent[*best] > 0) {
                let candidates = &self.problem.candidates[call];
                *likeliest = candidates.get(best).copied().unwrap_or(NOBODY);
            }
        }
        let shares = self.shares(&likeliest);
        (likeliest, shares)
    }

    /// What part of the time each call was there.
    fn shares(&mut self, assignment: &[u32]) -> Vec<f64> {
        let share = |(call, parent): (usize, &u32)| {
            self.settle(call);
            let candidates = &self.problem.candidates[call];
            let place = candidates.binary_search(parent).unwrap_or(candidates.len());
            let whole: usize = self.spent[call].iter().sum();
            if whole == 0 {
                return 1.0;
            }
            self.spent[call][place] as f64 / whole as f64
        };
        assignment.iter().enumerate().map(share).collect()
    }
}

/// `xorshift64*` (Marsaglia 2003, Vigna 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, most: usize) -> usize {
        let wide = u128::from(self.next()) * most.max(1) as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
