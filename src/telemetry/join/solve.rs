//! Solves a caller: learns from what is certain, guesses the rest, and learns again from that.

use std::collections::HashMap;

use super::bootstrap::guess;
use super::problem::{Assignment, NOBODY, Problem};
use super::sample::{Sampled, Steps, sample};
use super::template::{Template, learn};

/// So many lone requests of an operation are enough to know it.
const ENOUGH: usize = 5;
/// How often the walk and learning take turns: learned from a state that was drawn, not from the likeliest, so that what
/// is learned is as wide as it should be.
const ROUNDS: usize = 6;
/// The last of these rounds, of which an answer has to be the same to be sure.
const AGREEING: usize = 3;
/// In the first rounds the walk is cold, so that it settles on something that can be learned from.
const COLD: usize = 4;
const COLD_STEPS: Steps = Steps {
    cooling: 0,
    counting: 400,
    doubting: 0,
    heat: 0.3,
};
const ROUGH: Steps = Steps {
    heat: 1.0,
    ..COLD_STEPS
};
const FINE: Steps = Steps {
    cooling: 40,
    counting: 400,
    doubting: 120,
    heat: 1.0,
};

/// Steps of all walks together, however many calls there are: about a second.
const MOST_STEPS: usize = 6_000_000;

/// The likeliest parent of each call, how sure that is, and what was learned on the way.
pub(super) fn solve(problem: &Problem) -> (Sampled, HashMap<u32, Template>) {
    let lone = lone(problem);
    let calls = || problem.candidates.iter().zip(&problem.certain);
    let certain: Assignment = calls()
        .map(|(list, certain)| list.first().copied().filter(|_| *certain).unwrap_or(NOBODY))
        .collect();
    let open: Vec<u32> = (0_u32..)
        .zip(calls())
        .filter(|(_, (list, certain))| !list.is_empty() && !**certain)
        .map(|(call, _)| call)
        .collect();
    let mut templates = learn(problem, &problem.children(&certain), |parent| lone[parent]);
    templates.retain(|_, template| template.requests >= ENOUGH);
    let mut current = guess(problem);
    for (op, template) in learn(problem, &problem.children(&current), |_| true) {
        templates.entry(op).or_insert(template);
    }
    let steps_each = ROUNDS * COLD_STEPS.counting + FINE.counting + FINE.doubting;
    let share = (MOST_STEPS as f64 / (steps_each * open.len().max(1)) as f64).min(1.0);
    let mut same = Vec::with_capacity(AGREEING);
    for round in 0..ROUNDS {
        let steps = if round < COLD { COLD_STEPS } else { ROUGH };
        let steps = steps.times(share);
        let sampled = sample(problem, &templates, &current, &open, steps);
        current = sampled.drawn;
        templates = learn(problem, &problem.children(&current), |_| true);
        if round + AGREEING >= ROUNDS {
            same.push(sampled.assignment);
        }
    }
    let mut sampled = sample(problem, &templates, &current, &open, FINE.times(share));
    for &call in &open {
        let call = call as usize;
        let other = same
            .iter()
            .filter(|round| round[call] != sampled.assignment[call])
            .count();
        sampled.confidence[call] = stated(sampled.confidence[call], other);
    }
    (sampled, templates)
}

/// How sure an answer is, of which the walk is so sure, and which so many of the last rounds did not give. What the walk
/// says holds if the templates do; a round that was of another mind shows that they might not.
fn stated(walked: f64, others: usize) -> f64 {
    walked * (1.0 - others as f64 / (AGREEING + 1) as f64)
}

/// For each request whether all that its service did meanwhile is certain to be for it.
fn lone(problem: &Problem) -> Vec<bool> {
    let mut lone = vec![true; problem.parents.len()];
    for (candidates, certain) in problem.candidates.iter().zip(&problem.certain) {
        if !certain {
            for parent in candidates {
                lone[*parent as usize] = false;
            }
        }
    }
    lone
}
