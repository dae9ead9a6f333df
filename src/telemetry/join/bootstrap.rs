//! A first guess where nothing was learned yet: delays that are common among all pairs that could be.

use std::collections::{BTreeMap, HashMap};

use super::density::Density;
use super::problem::{Assignment, NOBODY, Problem};

const ROUNDS: usize = 12;

/// How likely each call's candidates are, from how well the delays of all pairs agree with each other: expectation and
/// maximisation over the delays after the parent's begin and before its end, each parent making about as many calls of
/// an operation as there are for each.
pub(super) fn guess(problem: &Problem) -> Assignment {
    let mut shares: Vec<Vec<f64>> = problem
        .candidates
        .iter()
        .map(|list| vec![1.0 / list.len().max(1) as f64; list.len()])
        .collect();
    for _ in 0..ROUNDS {
        let densities = densities(problem, &shares);
        for (call, shares) in shares.iter_mut().enumerate() {
            weigh(problem, call, &densities, shares);
        }
        let capacity = capacities(problem, &shares);
        for _ in 0..3 {
            spread(problem, &mut shares, &capacity);
        }
    }
    let best = |(candidates, shares): (&Vec<u32>, &Vec<f64>)| {
        let pairs = candidates.iter().zip(shares);
        let best = pairs.max_by(|one, other| one.1.total_cmp(other.1));
        best.map_or(NOBODY, |(parent, _)| *parent)
    };
    problem.candidates.iter().zip(&shares).map(best).collect()
}

/// The operations of a parent and a call.
type Ops = (u32, u32);

fn ops(problem: &Problem, call: usize, parent: u32) -> Ops {
    (problem.parents[parent as usize].op, problem.calls[call].op)
}

/// What is known of the calls between two operations.
struct Pair {
    after_begin: Density,
    before_end: Density,
    /// How many there are for each parent that could have made some.
    rate: f64,
}

fn densities(problem: &Problem, shares: &[Vec<f64>]) -> HashMap<Ops, Pair> {
    let mut samples: HashMap<Ops, Vec<(i64, i64, f64)>> = HashMap::new();
    for (call, shares) in shares.iter().enumerate() {
        for (&parent, &share) in problem.candidates[call].iter().zip(shares) {
            let (begin, end) = delays(problem, call, parent);
            let all = samples.entry(ops(problem, call, parent)).or_default();
            all.push((begin, end, share));
        }
    }
    let mut parents: HashMap<u32, f64> = HashMap::new();
    for parent in &problem.parents {
        *parents.entry(parent.op).or_default() += 1.0;
    }
    let pair = |(ops, samples): (Ops, Vec<(i64, i64, f64)>)| {
        let mass: f64 = samples.iter().map(|sample| sample.2).sum();
        let pair = Pair {
            after_begin: Density::of(samples.iter().map(|&(begin, _, share)| (begin, share))),
            before_end: Density::of(samples.iter().map(|&(_, end, share)| (end, share))),
            rate: (mass / parents[&ops.0]).max(1e-6),
        };
        (ops, pair)
    };
    samples.into_iter().map(pair).collect()
}

fn delays(problem: &Problem, call: usize, parent: u32) -> (i64, i64) {
    let (call, parent) = (&problem.calls[call], &problem.parents[parent as usize]);
    (
        call.start.saturating_sub(parent.start),
        parent.end.saturating_sub(call.end),
    )
}

fn weigh(problem: &Problem, call: usize, densities: &HashMap<Ops, Pair>, shares: &mut [f64]) {
    let candidates = &problem.candidates[call];
    let log = |parent: u32| {
        let Some(pair) = densities.get(&ops(problem, call, parent)) else {
            return f64::NEG_INFINITY;
        };
        let (begin, end) = delays(problem, call, parent);
        pair.after_begin.log(begin) + pair.before_end.log(end) + pair.rate.ln()
    };
    let logs: Vec<f64> = candidates.iter().map(|parent| log(*parent)).collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (share, log) in shares.iter_mut().zip(logs) {
        *share = (log - most).exp();
    }
    normalise(shares);
}

fn normalise(shares: &mut [f64]) {
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        for share in shares {
            *share /= sum;
        }
    }
}

/// How many calls of an operation a parent makes at most, as far as the means tell.
fn capacities(problem: &Problem, shares: &[Vec<f64>]) -> HashMap<Ops, f64> {
    let mut made: HashMap<Ops, BTreeMap<u32, f64>> = HashMap::new();
    for (call, shares) in shares.iter().enumerate() {
        for (&parent, &share) in problem.candidates[call].iter().zip(shares) {
            let each = made.entry(ops(problem, call, parent)).or_default();
            *each.entry(parent).or_default() += share;
        }
    }
    let mean = |(ops, each): (Ops, BTreeMap<u32, f64>)| {
        let mean = each.values().sum::<f64>() / each.len().max(1) as f64;
        (ops, (mean * 1.2).max(1.0))
    };
    made.into_iter().map(mean).collect()
}

/// Takes from parents that have too many calls of an operation, and gives to the others.
fn spread(problem: &Problem, shares: &mut [Vec<f64>], capacity: &HashMap<Ops, f64>) {
    let mut made: HashMap<(u32, u32), f64> = HashMap::new();
    for (call, shares) in shares.iter().enumerate() {
        for (&parent, &share) in problem.candidates[call].iter().zip(shares) {
            *made.entry((parent, problem.calls[call].op)).or_default() += share;
        }
    }
    for (call, shares) in shares.iter_mut().enumerate() {
        for (&parent, share) in problem.candidates[call].iter().zip(shares.iter_mut()) {
            let op = problem.calls[call].op;
            let most = capacity
                .get(&ops(problem, call, parent))
                .copied()
                .unwrap_or(1.0);
            let has = made.get(&(parent, op)).copied().unwrap_or(0.0);
            if has > most {
                *share *= most / has;
            }
        }
        normalise(shares);
    }
}
