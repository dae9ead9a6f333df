//! Who made which call, all calls of a service at once: a walk over whole assignments that stays where they are likely.
//!
//! Metropolis and Hastings' method over exchanges of calls between two parents: one call for another, or all calls from
//! one on. How often the walk has a call at a parent is how sure that edge is. The walk is seeded from what it is given,
//! so the same input has the same answer.

use std::collections::HashMap;

use super::problem::{Assignment, Call, NOBODY, Parent, Problem};
use super::ready::{Kinded, Ready};
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

impl Steps {
    /// So many times as many of each, but at least one where there are some.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of small numbers"
    )]
    pub(super) fn times(self, share: f64) -> Self {
        let times = |steps: usize| ((steps as f64 * share) as usize).max(steps.min(1));
        Self {
            cooling: times(self.cooling),
            counting: times(self.counting),
            doubting: times(self.doubting),
            heat: self.heat,
        }
    }
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

/// A step so unlikely, as a logarithm, is not taken.
const HOPELESS: f64 = -30.0;

struct Walk<'a> {
    problem: &'a Problem,
    calls: Vec<Kinded>,
    /// Those of which something is known, and for each parent which.
    templates: Vec<Ready<'a>>,
    template_of: Vec<Option<usize>>,
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
    /// What the children of two parents would be.
    mine: Vec<u32>,
    theirs: Vec<u32>,
    /// Calls that would leave each of them.
    leave: Vec<u32>,
    come: Vec<u32>,
}

/// Samples from a first assignment on.
pub(super) fn sample(
    problem: &Problem,
    templates: &HashMap<u32, Template>,
    first: &[u32],
    open: &[u32],
    steps: Steps,
) -> Sampled {
    let ops = problem.ops();
    let mut walk = Walk::new(problem, &ops, templates, first);
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
    /// `ops` are those of the problem.
    fn new(
        problem: &'a Problem,
        ops: &'a [u32],
        templates: &'a HashMap<u32, Template>,
        first: &[u32],
    ) -> Self {
        let (numbers, ready): (Vec<u32>, Vec<Ready<'a>>) = templates
            .iter()
            .map(|(op, template)| (*op, Ready::new(template, ops)))
            .unzip();
        let numbers: HashMap<u32, usize> = numbers.into_iter().zip(0..).collect();
        let number = |parent: &Parent| numbers.get(&parent.op).copied();
        let kinded = |call: &Call| Kinded {
            start: call.start,
            end: call.end,
            kind: ops.partition_point(|op| *op < call.op),
        };
        let children = problem.children(first);
        let mut walk = Self {
            problem,
            calls: problem.calls.iter().map(kinded).collect(),
            templates: ready,
            template_of: problem.parents.iter().map(number).collect(),
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
            mine: Vec::new(),
            theirs: Vec::new(),
            leave: Vec::new(),
            come: Vec::new(),
        };
        for parent in 0..walk.score.len() {
            walk.score[parent] = walk.scored(parent, &walk.children[parent]);
        }
        walk
    }

    fn scored(&self, parent: usize, children: &[u32]) -> f64 {
        let one = &self.problem.parents[parent];
        match self.template_of[parent].map(|number| &self.templates[number]) {
            Some(template) if children.len() <= MOST_CHILDREN => {
                template.log(one, children, &self.calls)
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
        self.clear();
        self.leave.push(call);
        if from != NOBODY {
            let stay = self.children[from as usize]
                .iter()
                .filter(|other| **other != call);
            self.mine.extend(stay);
        }
        if to != NOBODY {
            let list = &self.children[to as usize];
            let place = list.partition_point(|other| *other < call);
            self.theirs.extend(&list[..place]);
            self.theirs.push(call);
            self.theirs.extend(&list[place..]);
        }
        self.decide(from, to, heat);
    }

    /// The call for the same one of the other parent; with `tails` all later calls too.
    fn swap(&mut self, call: u32, from: u32, to: u32, heat: f64, tails: bool) {
        let kind = self.calls[call as usize].kind;
        let same = |list: &[u32], at: usize| {
            let mut of_kind = list
                .iter()
                .filter(|other| self.calls[**other as usize].kind == kind);
            of_kind.nth(at).copied()
        };
        let before = self.children[from as usize]
            .iter()
            .take_while(|other| **other != call);
        let ordinal = before
            .filter(|other| self.calls[**other as usize].kind == kind)
            .count();
        let Some(partner) = same(&self.children[to as usize], ordinal) else {
            return;
        };
        if tails {
            self.cut(from, to, (call, partner), heat);
            return;
        }
        if !self.may(partner, from) {
            return;
        }
        self.clear();
        self.leave.push(call);
        self.come.push(partner);
        exchange(&self.children[from as usize], call, partner, &mut self.mine);
        exchange(&self.children[to as usize], partner, call, &mut self.theirs);
        self.decide(from, to, heat);
    }

    /// All calls from these on, one of each parent, change places.
    fn cut(&mut self, from: u32, to: u32, (mine, theirs): (u32, u32), heat: f64) {
        self.clear();
        let (own, other) = (&self.children[from as usize], &self.children[to as usize]);
        let (stay, leave) = own.split_at(own.partition_point(|call| *call < mine));
        let (keep, come) = other.split_at(other.partition_point(|call| *call < theirs));
        if leave.is_empty() && come.is_empty()
            || !leave.iter().all(|call| self.may(*call, to))
            || !come.iter().all(|call| self.may(*call, from))
        {
            return;
        }
        merge(stay, come, &mut self.mine);
        merge(keep, leave, &mut self.theirs);
        self.leave.extend(leave);
        self.come.extend(come);
        self.decide(from, to, heat);
    }

    /// Each call for the same one of the other parent, or not, as chance has it.
    fn mix(&mut self, from: u32, to: u32, heat: f64) {
        self.clear();
        self.mine.extend(&self.children[from as usize]);
        self.theirs.extend(&self.children[to as usize]);
        // The other's calls that have found a partner, as far as bits go.
        let mut taken = 0_u64;
        for one in 0..self.mine.len() {
            let call = self.mine[one];
            let kind = self.calls[call as usize].kind;
            let free = |at: &usize| {
                taken & (1 << at) == 0 && self.calls[self.theirs[*at] as usize].kind == kind
            };
            let Some(at) = (0..self.theirs.len().min(64)).find(free) else {
                continue;
            };
            taken |= 1 << at;
            if self.random.below(2) == 0 {
                let other = self.theirs[at];
                if !self.may(call, to) || !self.may(other, from) {
                    return;
                }
                self.leave.push(call);
                self.come.push(other);
                (self.mine[one], self.theirs[at]) = (other, call);
            }
        }
        if self.leave.is_empty() {
            return;
        }
        self.mine.sort_unstable();
        self.theirs.sort_unstable();
        self.decide(from, to, heat);
    }

    fn clear(&mut self) {
        self.mine.clear();
        self.theirs.clear();
        self.leave.clear();
        self.come.clear();
    }

    fn may(&self, call: u32, parent: u32) -> bool {
        self.walks[call as usize]
            && self.problem.candidates[call as usize]
                .binary_search(&parent)
                .is_ok()
    }

    /// Takes the change that was prepared if it is likely enough.
    fn decide(&mut self, from: u32, to: u32, heat: f64) {
        let score = |parent: u32, list: &[u32]| match parent {
            NOBODY => (0.0, 0.0),
            parent => (
                self.scored(parent as usize, list),
                self.score[parent as usize],
            ),
        };
        let (mine, was_mine) = score(from, &self.mine);
        let (theirs, was_theirs) = score(to, &self.theirs);
        let mut gain = mine - was_mine + theirs - was_theirs;
        if from == NOBODY {
            gain -= self.alone;
        }
        if to == NOBODY {
            gain += self.alone;
        }
        let likely = gain / heat;
        if likely < HOPELESS || likely < 0.0 && self.random.unit() >= likely.exp() {
            return;
        }
        if from != NOBODY {
            self.score[from as usize] = mine;
            std::mem::swap(&mut self.children[from as usize], &mut self.mine);
        }
        if to != NOBODY {
            self.score[to as usize] = theirs;
            std::mem::swap(&mut self.children[to as usize], &mut self.theirs);
        }
        for at in 0..self.leave.len() {
            self.put(self.leave[at], to);
        }
        for at in 0..self.come.len() {
            self.put(self.come[at], from);
        }
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

/// A list with one number more and one less, in order.
fn exchange(list: &[u32], out: u32, into: u32, new: &mut Vec<u32>) {
    new.extend(list.iter().filter(|other| **other != out));
    new.insert(new.partition_point(|other| *other < into), into);
}

/// Two lists in order, as one.
fn merge(one: &[u32], other: &[u32], new: &mut Vec<u32>) {
    new.extend(one);
    new.extend(other);
    new.sort_unstable();
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
