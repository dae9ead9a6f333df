//! Traces: exchanges and spans put together by trace and span ids, in whatever order they came.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::{SpanId, TraceId};
use super::join::{Confidence, EdgeKind, JoinedEdge, Rule};
use super::what::What;
use crate::stack::ServiceName;

/// One trace in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceSummary {
    /// Its id.
    pub trace: TraceId,
    /// The exchange that began it; while that is under way, the earliest of those known. Without any, a span.
    pub root: What,
    /// How many exchanges and spans it has.
    pub spans: usize,
    /// When the first of them began.
    pub started: Timestamp,
    /// From its first begin to its last end.
    pub duration: Duration,
    /// How many of its exchanges were failed by their callee, and how many of its spans failed.
    pub errors: usize,
    /// The services it passed, each once, in the order of the waterfall, the root's caller first if it is known.
    pub services: Vec<ServiceName>,
}

/// One line of a waterfall.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// How many exchanges and spans it is nested in.
    pub depth: usize,
    /// The exchange or span.
    pub what: What,
    /// From the trace's begin to its own.
    pub offset: Duration,
    /// The part of its time in which nothing below it was under way.
    pub self_time: Duration,
    /// Whether it names a parent that is not here (not yet, no longer, or never seen by a relay).
    pub detached: bool,
    /// The edge to the exchange above it; `None` for a root.
    pub edge: Option<JoinedEdge>,
}

/// The summary of a trace's exchanges and spans; `None` if there are none.
pub fn summarise<T: Clone + Into<What>>(parts: &[T]) -> Option<TraceSummary> {
    summarise_joined(parts, |_| None)
}

/// The same, with the edges that joining found.
pub fn summarise_joined<T: Clone + Into<What>>(
    parts: &[T],
    joined: impl Fn(SpanId) -> Option<JoinedEdge>,
) -> Option<TraceSummary> {
    let rows = waterfall_joined(parts, joined);
    let roots = rows.iter().filter(|row| row.depth == 0);
    let root = roots.min_by_key(|row| (row.detached, row.what.started()))?;
    let whats = || rows.iter().map(|row| &row.what);
    let started = whats().map(What::started).min()?;
    let ended = whats().map(What::ended).max()?;
    Some(TraceSummary {
        trace: root.what.trace(),
        root: root.what.clone(),
        spans: rows.len(),
        started,
        duration: between(started, ended),
        errors: whats().filter(|one| one.is_error()).count(),
        services: services_of(&rows),
    })
}

/// The rows of a trace: each part below its parent, siblings by their begin. Roots are those without a parent and
/// those whose parent is missing; a circle of parents is cut at its earliest part.
pub fn waterfall<T: Clone + Into<What>>(parts: &[T]) -> Vec<Row> {
    waterfall_joined(parts, |_| None)
}

/// The same, with the edges that joining found; they count where an exchange names no parent that is here.
pub fn waterfall_joined<T: Clone + Into<What>>(
    parts: &[T],
    joined: impl Fn(SpanId) -> Option<JoinedEdge>,
) -> Vec<Row> {
    let mut order: Vec<What> = parts.iter().cloned().map(Into::into).collect();
    order.sort_by_key(|one| (one.started(), one.span()));
    let forest = Forest::of(&order, joined);
    let Some(began) = order.first().map(What::started) else {
        return Vec::new();
    };
    let row = |index: usize, depth: usize, circular: bool| Row {
        depth,
        what: order[index].clone(),
        offset: between(began, order[index].started()),
        self_time: self_time(
            &order[index],
            forest.waited_for(index).map(|child| &order[child]),
        ),
        detached: circular || (order[index].parent().is_some() && forest.parent[index].is_none()),
        edge: forest.edge[index],
    };
    let mut rows = Vec::with_capacity(order.len());
    let mut drawn = vec![false; order.len()];
    let roots = (0..order.len()).filter(|&index| forest.parent[index].is_none());
    // Whatever no root leads to lies on or below a circle: the second pass begins at its earliest part.
    let starts = roots.map(|root| (root, false));
    for (start, circular) in starts.chain((0..order.len()).map(|index| (index, true))) {
        let mut open = vec![(start, 0)];
        while let Some((index, depth)) = open.pop() {
            if std::mem::replace(&mut drawn[index], true) {
                continue;
            }
            rows.push(row(index, depth, circular && depth == 0));
            let children = forest.children[index].iter().rev();
            open.extend(children.map(|&child| (child, depth + 1)));
        }
    }
    rows
}

/// Who is below whom, by index into the parts in order of their begin.
struct Forest {
    parent: Vec<Option<usize>>,
    edge: Vec<Option<JoinedEdge>>,
    children: Vec<Vec<usize>>,
}

impl Forest {
    fn of(order: &[What], joined: impl Fn(SpanId) -> Option<JoinedEdge>) -> Self {
        let mut by_span: HashMap<SpanId, usize> = HashMap::with_capacity(order.len());
        for (index, one) in order.iter().enumerate() {
            by_span.entry(one.span()).or_insert(index);
        }
        let mut children = vec![Vec::new(); order.len()];
        let mut parents = vec![None; order.len()];
        let mut edges = vec![None; order.len()];
        for (index, one) in order.iter().enumerate() {
            let here = |span: SpanId| by_span.get(&span).copied().filter(|at| *at != index);
            let named = one.parent().and_then(here);
            let edge = match named {
                Some(parent) => Some(named_edge(&order[parent], one)),
                None => joined(one.span()),
            };
            if let Some(parent) = named.or_else(|| edge.and_then(|edge| here(edge.parent))) {
                parents[index] = Some(parent);
                edges[index] = edge;
                children[parent].push(index);
            }
        }
        Self {
            parent: parents,
            edge: edges,
            children,
        }
    }
}

impl Forest {
    /// The children that it did not leave to themselves.
    fn waited_for(&self, index: usize) -> impl Iterator<Item = usize> {
        let linked =
            |child: usize| self.edge[child].is_some_and(|edge| edge.kind == EdgeKind::Link);
        let children = self.children[index].iter().copied();
        children.filter(move |&child| !linked(child))
    }
}

/// The edge of a part that names its parent itself.
fn named_edge(parent: &What, child: &What) -> JoinedEdge {
    JoinedEdge {
        parent: parent.span(),
        rule: match child {
            What::Exchange(_) => Rule::Context,
            What::Span(_) => Rule::OpenTelemetry,
        },
        confidence: Confidence::CERTAIN,
        kind: if between(parent.ended(), child.ended()) > CLOCKS {
            EdgeKind::Link
        } else {
            EdgeKind::Child
        },
    }
}

/// Clocks may disagree by so much: what ends later was not waited for.
const CLOCKS: Duration = Duration::from_millis(1);

/// The part's time less the union of its children's that it waited for, as far as they lie within it. Children come by their begin.
fn self_time<'a>(own: &What, children: impl Iterator<Item = &'a What>) -> Duration {
    let end = own.ended();
    let mut covered = Duration::ZERO;
    let mut reached = own.started();
    for child in children {
        let from = child.started().max(reached);
        let to = child.ended().min(end);
        covered += between(from, to);
        reached = reached.max(to);
    }
    own.took().saturating_sub(covered)
}

fn services_of(rows: &[Row]) -> Vec<ServiceName> {
    let mut services: Vec<ServiceName> = Vec::new();
    let first_caller = rows
        .first()
        .and_then(|row| row.what.exchange()?.caller.as_ref());
    for service in first_caller
        .into_iter()
        .chain(rows.iter().map(|row| row.what.service()))
    {
        if !services.contains(service) {
            services.push(service.clone());
        }
    }
    services
}

pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::super::exchange::Exchange;
    use super::super::exchange_fixture::timed;
    use super::*;

    /// span, parent, callee, begin and end in ms
    type Given = (u64, Option<u64>, &'static str, u64, u64);

    const SHOP: [Given; 4] = [
        (1, None, "web", 0, 100),
        (2, Some(1), "orders", 10, 60),
        (3, Some(2), "payments", 20, 50),
        (4, Some(1), "catalog", 55, 90),
    ];

    fn arcs(given: &[Given]) -> Vec<Arc<Exchange>> {
        let one = |&(span, parent, callee, start, end): &Given| {
            Arc::new(timed((7, span, parent), callee, start, end))
        };
        given.iter().map(one).collect()
    }

    fn drawn(given: &[Given]) -> Vec<String> {
        let row = |row: &Row| {
            let mark = if row.detached { "?" } else { "" };
            let (offset, own) = (row.offset.as_millis(), row.self_time.as_millis());
            format!(
                "{}{}{mark} +{offset} {own}",
                "  ".repeat(row.depth),
                row.what.service()
            )
        };
        waterfall(&arcs(given)).iter().map(row).collect()
    }

    #[test]
    fn every_order_of_arrival_gives_the_same_waterfall() {
        let expected = [
            "web +0 20",
            "  orders +10 20",
            "    payments +20 30",
            "  catalog +55 35",
        ];
        assert_eq!(drawn(&SHOP), expected);
        let mut given = SHOP;
        for turn in 0..24 {
            given.swap(turn % 3, turn % 3 + 1);
            assert_eq!(drawn(&given), expected);
        }
    }

    #[test]
    fn what_misses_its_parent_is_a_marked_root() {
        assert_eq!(
            drawn(&SHOP[1..]),
            ["orders? +0 20", "  payments +10 30", "catalog? +45 35"]
        );
        assert_eq!(drawn(&[]), Vec::<String>::new());
    }

    #[test]
    fn circles_and_doubles_are_drawn_once() {
        let circle = [
            (1, Some(2), "a", 0, 9),
            (2, Some(1), "b", 1, 8),
            (3, Some(3), "c", 2, 7),
        ];
        assert_eq!(drawn(&circle), ["c? +2 5", "a? +0 2", "  b +1 0"]);
        let doubles = [
            (1, None, "a", 0, 9),
            (1, None, "b", 1, 8),
            (2, Some(1), "c", 2, 7),
        ];
        assert_eq!(drawn(&doubles), ["a +0 4", "  c +2 5", "b +1 7"]);
    }

    #[test]
    fn a_child_that_outlives_its_parent_was_not_waited_for() {
        let fire_and_forget = [
            (1, None, "web", 10, 20),
            (2, Some(1), "mail", 15, 500),
            (3, Some(1), "log", 0, 12),
        ];
        assert_eq!(
            drawn(&fire_and_forget),
            ["web +10 8", "  log +0 12", "  mail +15 485"]
        );
    }

    #[test]
    fn a_summary_tells_root_length_errors_and_services() {
        let mut given = arcs(&SHOP);
        Arc::make_mut(&mut given[2]).status = super::super::ExchangeStatus::Http(503);
        given.reverse();
        let summary = summarise(&given).unwrap();
        assert_eq!(summary.root.span(), SpanId(1));
        assert_eq!((summary.spans, summary.errors), (4, 1));
        assert_eq!(summary.duration, Duration::from_millis(100));
        let services: Vec<_> = summary.services.iter().map(ServiceName::as_str).collect();
        assert_eq!(services, ["web", "orders", "payments", "catalog"]);
        assert_eq!(summarise::<What>(&[]), None);
    }

    proptest! {
        #[test]
        fn any_ids_give_each_exchange_one_row(
            given in prop::collection::vec((0..8_u64, prop::option::of(0..8_u64), 0..50_u64, 0..50_u64), 0..20)
        ) {
            let given: Vec<_> = given.iter().map(|&(span, parent, start, long)| {
                Arc::new(timed((1, span, parent), "x", start, start + long))
            }).collect();
            let rows = waterfall(&given);
            prop_assert_eq!(rows.len(), given.len());
            prop_assert!(rows.iter().all(|row| row.self_time <= row.what.took()));
            let mut depth = 0;
            for row in &rows {
                prop_assert!(row.depth <= depth + 1);
                depth = row.depth;
            }
            prop_assert!(rows.first().is_none_or(|row| row.depth == 0));
        }
    }
}
