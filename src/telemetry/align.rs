//! Two traces side by side: which parts are the same, and what only one of them has.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::critical::children;
use super::route::route;
use super::trace::Row;
use super::what::What;

/// One line of a comparison. At least one side is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// How many pairs it is nested in.
    pub depth: usize,
    /// The part of the first trace.
    pub left: Option<Row>,
    /// The part of the second trace.
    pub right: Option<Row>,
}

impl Pair {
    /// The part of the second trace, or else that of the first.
    pub fn either(&self) -> Option<&Row> {
        self.right.as_ref().or(self.left.as_ref())
    }
}

/// Where parts of two traces stand below the same pair, and are the same call of it.
enum Work {
    Below(Vec<usize>, Vec<usize>, usize),
    Told(Option<usize>, Option<usize>, usize),
}

/// Two traces aligned: parts are the same if their parents are, if the same was asked of the same service (ids in paths
/// aside), and if they are the same of several such. Within a parent they stand by their begin.
pub fn align_traces(left: &[Row], right: &[Row]) -> Vec<Pair> {
    let (left_children, right_children) = (children(left), children(right));
    let roots = |rows: &[Row]| {
        let roots = (0..rows.len()).filter(|index| rows[*index].depth == 0);
        roots.collect::<Vec<_>>()
    };
    let below = |children: &[Vec<usize>], index: Option<usize>| {
        index.map_or_else(Vec::new, |index| children[index].clone())
    };
    let mut pairs = Vec::with_capacity(left.len().max(right.len()));
    let mut open = match (&roots(left)[..], &roots(right)[..]) {
        // Whatever was asked, it is the traces themselves that are compared.
        (&[ours], &[theirs]) => vec![Work::Told(Some(ours), Some(theirs), 0)],
        (ours, theirs) => vec![Work::Below(ours.to_vec(), theirs.to_vec(), 0)],
    };
    while let Some(work) = open.pop() {
        match work {
            Work::Below(ours, theirs, depth) => {
                let mut aligned = align(left, right, &ours, &theirs);
                aligned.reverse();
                open.extend(
                    aligned
                        .into_iter()
                        .map(|(ours, theirs)| Work::Told(ours, theirs, depth)),
                );
            }
            Work::Told(ours, theirs, depth) => {
                pairs.push(Pair {
                    depth,
                    left: ours.map(|index| left[index].clone()),
                    right: theirs.map(|index| right[index].clone()),
                });
                let (ours, theirs) = (below(&left_children, ours), below(&right_children, theirs));
                if !ours.is_empty() || !theirs.is_empty() {
                    open.push(Work::Below(ours, theirs, depth + 1));
                }
            }
        }
    }
    pairs
}

/// Siblings of both sides, paired where they are the same, by their begin from that of the first of their own side.
fn align(
    left: &[Row],
    right: &[Row],
    ours: &[usize],
    theirs: &[usize],
) -> Vec<(Option<usize>, Option<usize>)> {
    let mut waiting: HashMap<(String, String), VecDeque<usize>> = HashMap::new();
    for index in theirs {
        let same = waiting.entry(key(&right[*index].what)).or_default();
        same.push_back(*index);
    }
    let first = |rows: &[Row], siblings: &[usize]| {
        let offsets = siblings.iter().map(|index| rows[*index].offset);
        offsets.min().unwrap_or_default()
    };
    let (left_first, right_first) = (first(left, ours), first(right, theirs));
    let mut aligned: Vec<(Duration, Option<usize>, Option<usize>)> = Vec::new();
    for index in ours {
        let same = waiting.get_mut(&key(&left[*index].what));
        let other = same.and_then(VecDeque::pop_front);
        let after = left[*index].offset.saturating_sub(left_first);
        aligned.push((after, Some(*index), other));
    }
    for index in waiting.into_values().flatten() {
        let after = right[index].offset.saturating_sub(right_first);
        aligned.push((after, None, Some(index)));
    }
    aligned.sort_unstable();
    let pairs = aligned.into_iter();
    pairs.map(|(_, ours, theirs)| (ours, theirs)).collect()
}

/// Who was asked, or told of it, and what.
fn key(what: &What) -> (String, String) {
    let asked = match what {
        What::Exchange(one) => format!("{} {}", one.method, route(&one.path)),
        What::Span(one) => format!("{} {}", one.kind.name(), route(&one.name)),
    };
    (what.service().to_string(), asked)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::exchange_fixture::timed;
    use super::super::trace::waterfall;
    use super::*;

    /// span, parent, callee, path, begin, end
    type Given = (u64, Option<u64>, &'static str, &'static str, u64, u64);

    fn rows(given: &[Given]) -> Vec<Row> {
        let one = |&(span, parent, callee, path, start, end): &Given| {
            let mut one = timed((1, span, parent), callee, start, end);
            one.path = path.into();
            Arc::new(one)
        };
        waterfall(&given.iter().map(one).collect::<Vec<_>>())
    }

    fn told(left: &[Given], right: &[Given]) -> Vec<String> {
        let side = |row: Option<&Row>| {
            row.map_or("-".into(), |row| row.what.took().as_millis().to_string())
        };
        let pair = |pair: &Pair| {
            let (left, right) = (side(pair.left.as_ref()), side(pair.right.as_ref()));
            let name = pair.either().map(|row| row.what.service().to_string());
            format!(
                "{}{} {left} {right}",
                "  ".repeat(pair.depth),
                name.unwrap_or_default()
            )
        };
        align_traces(&rows(left), &rows(right))
            .iter()
            .map(pair)
            .collect()
    }

    #[test]
    fn what_is_the_same_stands_in_one_line() {
        let left = [
            (1, None, "web", "/orders/1", 0, 100),
            (2, Some(1), "orders", "/o/1", 10, 90),
            (3, Some(2), "db", "/stock", 20, 30),
            (4, Some(2), "db", "/stock", 40, 60),
            (5, Some(1), "mail", "/", 92, 95),
        ];
        let right = [
            (11, None, "web", "/orders/2", 500, 700),
            (12, Some(11), "orders", "/o/2", 510, 690),
            (13, Some(12), "db", "/stock", 520, 525),
            (14, Some(11), "cart", "/", 505, 507),
        ];
        assert_eq!(
            told(&left, &right),
            [
                "web 100 200",
                "  cart - 2",
                "  orders 80 180",
                "    db 10 5",
                "    db 20 -",
                "  mail 3 -",
            ]
        );
    }

    #[test]
    fn nothing_and_something_can_be_compared() {
        let one = [(1, None, "web", "/", 0, 10)];
        assert_eq!(told(&[], &[]), Vec::<String>::new());
        assert_eq!(told(&one, &[]), ["web 10 -"]);
        assert_eq!(told(&[], &one), ["web - 10"]);
    }
}
