//! Joining without headers: published applications and a made-up one replayed with so many requests in flight, and promises
//! that hold whatever comes.
#![expect(clippy::print_stdout, reason = "figures are shown")]

#[path = "support/corpus.rs"]
mod corpus;
mod joining_kit;

use std::collections::HashMap;
use std::time::Duration;

use boatyard::stack::ServiceName;
use boatyard::telemetry::{
    EdgeKind, Exchange, JoinedEdge, Joiner, Rule, SpanId, Telemetry, TraceId,
};
use jiff::Timestamp;
use joining_kit::{Edge, Random, Score, join, read, replay};
use proptest::prelude::*;

/// Traces that are replayed: fewer in a debug build, which is slow at this.
const TRACES: usize = if cfg!(debug_assertions) { 100 } else { 1000 };

fn score(traces: &[Vec<Edge>], workers: usize, name: &str) -> Score {
    let replay = replay(traces, workers, 7);
    let score = Score::of(&replay.truth, &join(&replay.exchanges));
    println!("{name} k={workers}: {score}");
    assert_eq!(score.contained_wrong, 0, "{name} k={workers}: {score}");
    score
}

fn published(name: &str) -> Option<Vec<Vec<Edge>>> {
    let mut traces = read(&corpus::corpus(&format!("joining/{name}.tsv"))?);
    traces.truncate(TRACES);
    Some(traces)
}

#[test]
fn hotel_is_joined() {
    let Some(traces) = published("hotel") else {
        return;
    };
    let alone = score(&traces, 1, "hotel");
    assert_eq!(alone.right, alone.edges, "{alone}");
    let busy = score(&traces, 8, "hotel");
    assert!(busy.accuracy() >= HOTEL, "{busy}");
    assert!(busy.stated_right() >= 98.0, "{busy}");
}

#[test]
fn media_is_joined() {
    let Some(traces) = published("media") else {
        return;
    };
    let alone = score(&traces, 1, "media");
    assert!(alone.accuracy() >= 99.8, "{alone}");
    let busy = score(&traces, 8, "media");
    assert!(busy.accuracy() >= MEDIA, "{busy}");
    assert!(busy.stated_right() >= STATED, "{busy}");
}

/// What is reached at eight in flight, in percent: the bars, and in a debug build, which has fewer traces to learn from, a little
/// below what was measured.
const HOTEL: f64 = if cfg!(debug_assertions) { 96.0 } else { 98.0 };
const STATED: f64 = 98.0;
const MEDIA: f64 = if cfg!(debug_assertions) { 88.0 } else { 90.0 };

/// A shop that nobody published: `web` asks `cart` and `stock` side by side, then `orders`, which asks `pay` (again if it
/// fails) and has `mail` sent without waiting; `lists` asks `stock` once for each of some items.
fn shop(seed: u64, count: usize) -> Vec<Vec<Edge>> {
    let mut random = Random(seed);
    (0..count)
        .map(|_| {
            if random.between(0, 3) == 0 {
                list(&mut random)
            } else {
                order(&mut random)
            }
        })
        .collect()
}

fn edge(
    from: &str,
    to: &str,
    operation: &str,
    (start, end): (i64, i64),
    parent: Option<usize>,
) -> Edge {
    Edge {
        caller: from.to_owned(),
        callee: to.to_owned(),
        operation: operation.to_owned(),
        start,
        end,
        parent,
    }
}

fn order(random: &mut Random) -> Vec<Edge> {
    let mut edges = vec![edge("user", "web", "/checkout", (0, 0), None)];
    let cart = random.between(300, 500);
    let carted = cart + random.between(2_000, 6_000);
    let stock = cart + random.between(50, 150);
    let stocked = stock + random.between(2_000, 9_000);
    edges.push(edge("web", "cart", "/cart", (cart, carted), Some(0)));
    edges.push(edge("web", "stock", "/stock", (stock, stocked), Some(0)));
    let ordered = carted.max(stocked) + random.between(200, 400);
    edges.push(edge("web", "orders", "/orders", (ordered, 0), Some(0)));
    let mut at = ordered + random.between(400, 600);
    for _ in 0..=random.between(0, 5) / 4 {
        let paid = at + random.between(3_000, 8_000);
        edges.push(edge("orders", "pay", "/pay", (at, paid), Some(3)));
        at = paid + random.between(100, 200);
    }
    let mailed = at + random.between(5_000, 20_000);
    edges.push(edge("orders", "mail", "/send", (at, mailed), Some(3)));
    edges[3].end = at + random.between(200, 300);
    edges[0].end = edges[3].end + random.between(150, 250);
    edges
}

fn list(random: &mut Random) -> Vec<Edge> {
    let mut edges = vec![edge("user", "web", "/lists", (0, 0), None)];
    let start = random.between(300, 500);
    edges.push(edge("web", "lists", "/list", (start, 0), Some(0)));
    let mut at = start + random.between(200, 300);
    for _ in 0..random.between(1, 6) {
        let answered = at + random.between(500, 1_500);
        edges.push(edge("lists", "stock", "/item", (at, answered), Some(1)));
        at = answered + random.between(80, 120);
    }
    edges[1].end = at + random.between(50, 100);
    edges[0].end = edges[1].end + random.between(100, 200);
    edges
}

#[test]
fn a_shop_that_nobody_tuned_for_is_joined() {
    let traces = shop(11, 150);
    for (workers, least) in [(1, 100.0), (2, 99.0), (4, 98.0), (8, 92.0), (16, 80.0)] {
        let score = score(&traces, workers, "shop");
        assert!(score.accuracy() >= least, "k={workers}: {score}");
        assert!(score.stated_right() >= 98.0, "k={workers}: {score}");
    }
}

fn one(span: u64, from: Option<&str>, to: &str, (start, end): (i64, i64)) -> Exchange {
    let parent = from.map(|_| 0);
    let edge = edge(from.unwrap_or(""), to, "/x", (start, end), parent);
    let mut one = replay(&[vec![edge]], 1, 1).exchanges.remove(0);
    one.started += Duration::from_micros(u64::try_from(start).unwrap_or(0));
    one.span = SpanId(span);
    one.trace = TraceId(u128::from(span));
    one
}

fn said(exchanges: &[Exchange]) -> Vec<(u64, u64, Rule, EdgeKind)> {
    let mut said: Vec<_> = join(exchanges)
        .into_iter()
        .map(|(span, edge)| (span.0, edge.parent.0, edge.rule, edge.kind))
        .collect();
    said.sort_unstable_by_key(|(span, ..)| *span);
    said
}

fn with(mut exchange: Exchange, headers: &[(&str, &str)]) -> Exchange {
    exchange.request_headers = headers.iter().copied().collect();
    exchange
}

#[test]
fn who_encloses_it_alone_caused_it_and_who_was_answered_before_is_linked() {
    let exchanges = [
        one(2, Some("web"), "orders", (10_000, 20_000)),
        one(1, None, "web", (5_000, 30_000)),
        one(3, Some("web"), "mail", (25_000, 90_000)),
    ];
    let said = said(&exchanges);
    assert_eq!(said[0], (2, 1, Rule::Contained, EdgeKind::Child));
    assert_eq!((said[1].0, said[1].1, said[1].3), (3, 1, EdgeKind::Link));
}

#[test]
fn headers_that_a_service_passes_on_tell() {
    let (one_b3, other_b3) = ("463ac35c9f6413ad", "863ac35c9f6413ad");
    let single = format!("{one_b3}-a2fb4a1d1a96d312-1");
    for (name, inside) in [("b3", single.as_str()), ("X-B3-TraceId", one_b3)] {
        let exchanges = [
            with(
                one(3, Some("web"), "orders", (10_000, 20_000)),
                &[(name, inside)],
            ),
            with(
                one(1, None, "web", (5_000, 30_000)),
                &[("x-b3-traceid", one_b3)],
            ),
            with(
                one(2, None, "web", (6_000, 31_000)),
                &[("x-b3-traceid", other_b3)],
            ),
        ];
        assert_eq!(
            said(&exchanges),
            [(3, 1, Rule::Header, EdgeKind::Child)],
            "{name}"
        );
    }
}

#[test]
fn a_header_of_ones_own_is_learned() {
    let at = |n: i64| n * 100_000;
    let tagged = |exchange, n: i64| with(exchange, &[("X-Shop-Visit", &format!("visit-{n}"))]);
    let span = |n: i64| u64::try_from(n).expect("positive");
    let mut exchanges = Vec::new();
    for n in 1..=6 {
        exchanges.push(tagged(
            one(span(n), None, "web", (at(n), at(n) + 50_000)),
            n,
        ));
        exchanges.push(tagged(
            one(
                span(n + 100),
                Some("web"),
                "orders",
                (at(n) + 9_000, at(n) + 20_000),
            ),
            n,
        ));
    }
    let late = at(9);
    exchanges.push(tagged(one(7, None, "web", (late, late + 50_000)), 7));
    exchanges.push(tagged(one(8, None, "web", (late + 1, late + 50_001)), 8));
    exchanges.push(tagged(
        one(107, Some("web"), "orders", (late + 9_000, late + 20_000)),
        7,
    ));
    exchanges.push(tagged(
        one(108, Some("web"), "orders", (late + 9_001, late + 20_001)),
        8,
    ));
    let mut joiner = Joiner::new();
    let mut edges = HashMap::new();
    for exchange in &exchanges {
        joiner.push(exchange);
        for news in joiner.settle(exchange.ended()) {
            edges.insert(
                news.span.0,
                news.edge.map(|(edge, _)| (edge.parent.0, edge.rule)),
            );
        }
    }
    assert_eq!(edges[&107], Some((7, Rule::Header)));
    assert_eq!(edges[&108], Some((8, Rule::Header)));
}

#[test]
fn a_rare_value_that_both_carry_tells() {
    let path = |mut exchange: Exchange, path: &str| {
        path.clone_into(&mut exchange.path);
        exchange
    };
    let exchanges = [
        path(one(1, None, "web", (5_000, 30_000)), "/orders/4711"),
        path(one(2, None, "web", (6_000, 31_000)), "/orders/4712"),
        path(
            one(3, Some("web"), "store", (10_000, 20_000)),
            "/rows?id=4712",
        ),
    ];
    assert_eq!(said(&exchanges), [(3, 2, Rule::Token, EdgeKind::Child)]);
}

#[test]
fn a_rare_value_in_both_bodies_tells() {
    let body = |mut exchange: Exchange, body: &str| {
        exchange.request_body.bytes = body.as_bytes().into();
        exchange
    };
    let exchanges = [
        body(
            one(1, None, "web", (5_000, 30_000)),
            r#"{"order": "a-471100", "n": 3}"#,
        ),
        body(
            one(2, None, "web", (6_000, 31_000)),
            r#"{"order": "a-471200", "n": 3}"#,
        ),
        body(
            one(3, Some("web"), "store", (10_000, 20_000)),
            "id=a-471200&n=3",
        ),
    ];
    assert_eq!(said(&exchanges), [(3, 2, Rule::Token, EdgeKind::Child)]);
}

#[test]
fn a_context_that_was_passed_on_inside_joins_what_the_relay_did_not_see_named() {
    let mut call = one(3, Some("web"), "orders", (10_000, 20_000));
    (call.trace, call.parent) = (TraceId(1), Some(SpanId(77)));
    let exchanges = [
        call,
        one(1, None, "web", (5_000, 30_000)),
        one(2, None, "web", (6_000, 31_000)),
    ];
    assert_eq!(said(&exchanges), [(3, 1, Rule::Context, EdgeKind::Child)]);
}

#[test]
fn what_is_forgotten_is_learned_again() {
    let mut joiner = Joiner::new();
    joiner.push(&one(1, None, "web", (5_000, 30_000)));
    joiner.forget(&ServiceName::from("web"));
    joiner.push(&one(2, Some("web"), "orders", (10_000, 20_000)));
    assert_eq!(joiner.settle(Timestamp::UNIX_EPOCH), []);
    joiner.push(&one(3, None, "web", (105_000, 130_000)));
    joiner.push(&one(4, Some("web"), "orders", (110_000, 120_000)));
    assert_eq!(joiner.settle(Timestamp::UNIX_EPOCH).len(), 1);
}

#[test]
fn the_store_shows_what_was_joined_as_one_trace() {
    let telemetry = Telemetry::default();
    for exchange in [
        one(3, Some("orders"), "pay", (12_000, 15_000)),
        one(2, Some("web"), "orders", (10_000, 20_000)),
        one(1, None, "web", (5_000, 30_000)),
    ] {
        telemetry.exchanges().push(exchange);
    }
    assert_eq!(telemetry.exchanges().traces(9, |_| true).len(), 3);
    telemetry.join(Timestamp::UNIX_EPOCH);
    let store = telemetry.exchanges();
    let traces = store.traces(9, |_| true);
    assert_eq!(traces.len(), 1);
    assert_eq!((traces[0].trace, traces[0].spans), (TraceId(1), 3));
    let rows = store.waterfall(TraceId(3));
    let drawn: Vec<_> = rows
        .iter()
        .map(|row| (row.depth, row.edge.map(|edge| edge.rule)))
        .collect();
    assert_eq!(
        drawn,
        [
            (0, None),
            (1, Some(Rule::Contained)),
            (2, Some(Rule::Contained))
        ]
    );
    assert_eq!(store.trace(TraceId(2)).len(), 3);
}

/// Exchanges between few services, at times so close that everything overlaps.
fn anything(forward: bool) -> impl Strategy<Value = Vec<Exchange>> {
    let given = (
        0..6_usize,
        0..6_usize,
        0..20_000_i64,
        0..15_000_i64,
        prop::option::of(0..30_u64),
    );
    prop::collection::vec(given, 0..30).prop_map(move |given| {
        let exchange = |(at, (from, to, start, long, named)): (
            usize,
            (usize, usize, i64, i64, Option<u64>),
        )| {
            let to = if forward { to.max(from + 1) } else { to };
            let names = ["a", "b", "c", "d", "e", "f", "g"];
            let from = (from > 0).then(|| names[from]);
            let mut one = one(at as u64, from, names[to], (start, start + long));
            one.parent = named.filter(|_| !forward).map(SpanId);
            one
        };
        given.into_iter().enumerate().map(exchange).collect()
    })
}

/// When nothing is under way any more.
const FAR: Timestamp = Timestamp::constant(4_000_000_000, 0);

fn check(exchanges: &[Exchange], edges: &HashMap<SpanId, JoinedEdge>) {
    let by_span: HashMap<SpanId, &Exchange> = exchanges.iter().map(|one| (one.span, one)).collect();
    for (span, edge) in edges {
        let (child, parent) = (by_span[span], by_span[&edge.parent]);
        assert_eq!(Some(&parent.callee), child.caller.as_ref());
        let mut above = edge.parent;
        for _ in 0..=exchanges.len() {
            assert_ne!(above, *span, "a circle");
            match edges.get(&above) {
                Some(edge) => above = edge.parent,
                None => break,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_exchanges_in_any_order_have_one_parent_each_and_no_circle(exchanges in anything(false)) {
        check(&exchanges, &join(&exchanges));
    }

    #[test]
    fn the_order_and_the_pace_make_no_difference_in_the_end(
        (exchanges, shuffled) in anything(true).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle()))
    ) {
        let mut joiner = Joiner::new();
        for one in &exchanges {
            joiner.push(one);
        }
        let batch: HashMap<_, _> = joiner.settle(FAR).into_iter().map(|news| (news.span, news.edge)).collect();
        let mut joiner = Joiner::new();
        let mut slowly = HashMap::new();
        for one in &shuffled {
            joiner.push(one);
            for news in joiner.settle(one.ended()) {
                slowly.insert(news.span, news.edge);
            }
        }
        for news in joiner.settle(FAR) {
            slowly.insert(news.span, news.edge);
        }
        slowly.retain(|_, edge| edge.is_some());
        prop_assert_eq!(batch, slowly);
    }
}
