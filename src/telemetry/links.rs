//! What joining found, as the store keeps it: the edges, and which traces are parts of one.
//!
//! Whatever shares a trace id came together; an edge hangs one such fragment below another. Edges may change, and go with
//! the exchanges they belong to.

use std::collections::HashMap;

use super::exchange::{SpanId, TraceId};
use super::join::{Joined, JoinedEdge};

/// Fragments on a way up; no longer way is made.
const MOST_DEEP: usize = 256;

/// The edges that were found.
#[derive(Debug, Default)]
pub(super) struct Links {
    edges: HashMap<SpanId, JoinedEdge>,
    /// For each fragment that hangs below another: by which of its exchanges, and below which.
    up: HashMap<TraceId, (SpanId, TraceId)>,
    /// The fragments right below each.
    down: HashMap<TraceId, Vec<TraceId>>,
}

impl Links {
    /// Takes in news. An edge that would make a circle of fragments does not hang one below the other.
    pub(super) fn set(&mut self, news: &Joined) {
        self.forget(news.span, news.trace);
        let Some((edge, above)) = news.edge else {
            return;
        };
        self.edges.insert(news.span, edge);
        let hangs = self.up.contains_key(&news.trace);
        if above == news.trace || hangs || self.top(above).is_none_or(|top| top == news.trace) {
            return;
        }
        self.up.insert(news.trace, (news.span, above));
        self.down.entry(above).or_default().push(news.trace);
    }

    /// Forgets the edge of an exchange.
    pub(super) fn forget(&mut self, span: SpanId, trace: TraceId) {
        if self.edges.remove(&span).is_none() {
            return;
        }
        if self.up.get(&trace).is_some_and(|(by, _)| *by == span) {
            self.cut(trace);
        }
    }

    /// Forgets a fragment of which nothing is left.
    pub(super) fn forget_fragment(&mut self, trace: TraceId) {
        self.cut(trace);
        for below in self.down.remove(&trace).unwrap_or_default() {
            self.up.remove(&below);
        }
    }

    fn cut(&mut self, trace: TraceId) {
        let Some((_, above)) = self.up.remove(&trace) else {
            return;
        };
        if let Some(siblings) = self.down.get_mut(&above) {
            siblings.retain(|other| *other != trace);
            if siblings.is_empty() {
                self.down.remove(&above);
            }
        }
    }

    /// The edge that was found for an exchange.
    pub(super) fn edge(&self, span: SpanId) -> Option<JoinedEdge> {
        self.edges.get(&span).copied()
    }

    /// The fragment at the top of the trace that this one is part of.
    pub(super) fn root(&self, trace: TraceId) -> TraceId {
        self.top(trace).unwrap_or(trace)
    }

    /// The same, unless it is too far away.
    fn top(&self, mut trace: TraceId) -> Option<TraceId> {
        for _ in 0..MOST_DEEP {
            match self.up.get(&trace) {
                Some((_, above)) => trace = *above,
                None => return Some(trace),
            }
        }
        None
    }

    /// The fragment and all below it.
    pub(super) fn parts(&self, root: TraceId) -> Vec<TraceId> {
        let mut parts = vec![root];
        let mut next = 0;
        while let Some(below) = parts.get(next).map(|part| self.down.get(part)) {
            parts.extend(below.into_iter().flatten());
            next += 1;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::join::{Confidence, EdgeKind, Rule};
    use super::*;

    fn news(span: u64, trace: u128, above: Option<(u64, u128)>) -> Joined {
        let edge = above.map(|(parent, trace)| {
            let edge = JoinedEdge {
                parent: SpanId(parent),
                rule: Rule::Contained,
                confidence: Confidence::CERTAIN,
                kind: EdgeKind::Child,
            };
            (edge, TraceId(trace))
        });
        Joined {
            span: SpanId(span),
            trace: TraceId(trace),
            edge,
        }
    }

    fn parts(links: &Links, root: u128) -> Vec<u128> {
        let mut parts: Vec<_> = links
            .parts(TraceId(root))
            .into_iter()
            .map(|part| part.0)
            .collect();
        parts.sort_unstable();
        parts
    }

    #[test]
    fn fragments_hang_together_and_come_apart() {
        let mut links = Links::default();
        links.set(&news(2, 2, Some((1, 1))));
        links.set(&news(3, 3, Some((2, 2))));
        assert_eq!(
            (links.root(TraceId(3)), parts(&links, 1)),
            (TraceId(1), vec![1, 2, 3])
        );
        links.set(&news(3, 3, Some((9, 9))));
        assert_eq!(
            (parts(&links, 1), parts(&links, 9)),
            (vec![1, 2], vec![3, 9])
        );
        links.set(&news(2, 2, None));
        assert_eq!((parts(&links, 1), links.edge(SpanId(2))), (vec![1], None));
        links.forget_fragment(TraceId(9));
        assert_eq!(links.root(TraceId(3)), TraceId(3));
    }

    #[test]
    fn a_circle_is_not_made_however_long_it_is() {
        let mut links = Links::default();
        for at in 0..1000_u64 {
            links.set(&news(
                at,
                u128::from(at),
                Some((at + 1, u128::from(at) + 1)),
            ));
        }
        links.set(&news(1000, 1000, Some((0, 0))));
        for at in 0..=1000_u128 {
            assert!(links.parts(TraceId(at)).len() <= 1001);
        }
    }

    proptest! {
        #[test]
        fn no_news_makes_a_circle(
            all in prop::collection::vec((0..9_u64, 0..6_u128, prop::option::of((0..9_u64, 0..6_u128))), 0..60)
        ) {
            let mut links = Links::default();
            for (span, trace, above) in all {
                links.set(&news(span, trace, above));
                let whole: usize = (0..6).filter(|trace| links.root(TraceId(*trace)) == TraceId(*trace))
                    .map(|root| parts(&links, root).len())
                    .sum();
                prop_assert_eq!(whole, 6);
            }
        }
    }
}
