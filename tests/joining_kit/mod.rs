//! Applications replayed at so many requests in flight, and what joining makes of them without any id.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use boatyard::stack::ServiceName;
use boatyard::telemetry::{
    BodyHead, Exchange, ExchangeStatus, Headers, JoinedEdge, Joiner, Rule, SpanId, TraceId,
};
use jiff::Timestamp;

/// A call of a trace: times in microseconds from the trace's begin, and the index of the call that caused it.
#[derive(Debug, Clone)]
pub(crate) struct Edge {
    pub(crate) caller: String,
    pub(crate) callee: String,
    pub(crate) operation: String,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) parent: Option<usize>,
}

/// The traces of a published application: a row an edge, `parent` the truth.
pub(crate) fn read(path: &Path) -> Vec<Vec<Edge>> {
    let text = std::fs::read_to_string(path).expect("the corpus can be read");
    let mut traces: Vec<Vec<Edge>> = Vec::new();
    let mut last = None;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        if last.replace(cells[0]) != Some(cells[0]) {
            traces.push(Vec::new());
        }
        let number = |at: usize| cells[at].parse().expect("a time");
        traces.last_mut().expect("one was begun").push(Edge {
            caller: cells[3].to_owned(),
            callee: cells[4].to_owned(),
            operation: cells[5].to_owned(),
            start: number(6),
            end: number(7),
            parent: cells[2].parse().ok(),
        });
    }
    traces
}

/// Numbers that are the same in every run: `SplitMix64`.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        let width = u64::try_from(to - from)
            .expect("from is not after to")
            .max(1);
        from + i64::try_from(self.next() % width).expect("less than the width")
    }
}

/// A replay: exchanges in order of their end, and for each span the one that caused it.
pub(crate) struct Replay {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) truth: HashMap<SpanId, SpanId>,
}

/// Traces by exactly `workers` workers, each back to back with about 1 ms between. No exchange names a parent, and each
/// has a trace of its own.
pub(crate) fn replay(traces: &[Vec<Edge>], workers: usize, seed: u64) -> Replay {
    let mut random = Random(seed);
    let mut free = vec![0_i64; workers];
    let mut exchanges = Vec::new();
    let mut truth = HashMap::new();
    for trace in traces {
        let worker = (0..workers)
            .min_by_key(|worker| free[*worker])
            .expect("there are workers");
        let first = trace.iter().map(|edge| edge.start).min().unwrap_or(0);
        let base = exchanges.len() as u64 + 1;
        for (edge, span) in trace.iter().zip(base..) {
            if let Some(parent) = edge.parent {
                truth.insert(SpanId(span), SpanId(base + parent as u64));
            }
            exchanges.push(exchange(edge, span, free[worker] - first));
        }
        let last = trace.iter().map(|edge| edge.end).max().unwrap_or(0);
        free[worker] += last - first + random.between(800, 1200);
    }
    exchanges.sort_by_key(|one| (one.ended(), one.span));
    Replay { exchanges, truth }
}

fn exchange(edge: &Edge, span: u64, shift: i64) -> Exchange {
    let at = |micros: i64| {
        Timestamp::from_microsecond(1_800_000_000_000_000 + micros + shift).expect("a time")
    };
    let outside = edge.parent.is_none();
    Exchange {
        trace: TraceId(u128::from(span)),
        span: SpanId(span),
        parent: None,
        caller: (!outside).then(|| ServiceName::from(edge.caller.as_str())),
        callee: ServiceName::from(edge.callee.as_str()),
        run: 1,
        method: "POST".to_owned(),
        path: edge.operation.clone(),
        status: ExchangeStatus::Http(200),
        started: at(edge.start),
        took: Duration::from_micros(u64::try_from(edge.end - edge.start).unwrap_or(0)),
        held: Duration::ZERO,
        request_bytes: 0,
        response_bytes: 0,
        request_headers: Headers::default(),
        response_headers: Headers::default(),
        request_body: BodyHead::default(),
        response_body: BodyHead::default(),
        injected: None,
    }
}

/// What the joiner says in the end, asked every 50 ms of the replay.
pub(crate) fn join(exchanges: &[Exchange]) -> HashMap<SpanId, JoinedEdge> {
    let mut joiner = Joiner::new();
    let mut edges = HashMap::new();
    let mut asked = exchanges
        .first()
        .map_or(Timestamp::UNIX_EPOCH, Exchange::ended);
    let mut settle = |joiner: &mut Joiner, now| {
        for news in joiner.settle(now) {
            match news.edge {
                Some((edge, _)) => edges.insert(news.span, edge),
                None => edges.remove(&news.span),
            };
        }
    };
    for one in exchanges {
        if one.ended() > asked + Duration::from_millis(50) {
            asked = one.ended();
            settle(&mut joiner, asked);
        }
        joiner.push(one);
    }
    settle(&mut joiner, asked + Duration::from_millis(200));
    edges
}

/// How right the joiner was.
#[derive(Debug, Default, Clone)]
pub(crate) struct Score {
    pub(crate) edges: usize,
    pub(crate) right: usize,
    /// Of those joined by unique containment.
    pub(crate) contained: usize,
    pub(crate) contained_wrong: usize,
    /// For each tenth of confidence: how many, and how many of them are right.
    pub(crate) tenths: [(usize, usize); 11],
    /// The same at 0.8 and above.
    pub(crate) stated: (usize, usize),
}

impl Score {
    pub(crate) fn of(truth: &HashMap<SpanId, SpanId>, edges: &HashMap<SpanId, JoinedEdge>) -> Self {
        let mut score = Self {
            edges: truth.len(),
            ..Self::default()
        };
        for (span, edge) in edges {
            let right = usize::from(truth.get(span) == Some(&edge.parent));
            score.right += right;
            if edge.rule == Rule::Contained {
                score.contained += 1;
                score.contained_wrong += 1 - right;
            }
            let confidence = edge.confidence.share();
            let tenth = (1..=10)
                .take_while(|tenth| confidence * 10.0 >= f64::from(*tenth))
                .count();
            let tenth = &mut score.tenths[tenth];
            *tenth = (tenth.0 + 1, tenth.1 + right);
            if confidence >= 0.8 {
                score.stated = (score.stated.0 + 1, score.stated.1 + right);
            }
        }
        score
    }

    pub(crate) fn accuracy(&self) -> f64 {
        percent(self.right, self.edges)
    }

    pub(crate) fn stated_right(&self) -> f64 {
        percent(self.stated.1, self.stated.0)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} % of {} edges; stated at 0.8: {:.1} %, of them right {:.2} %; contained {:.1} %, of them wrong {}",
            self.accuracy(),
            self.edges,
            percent(self.stated.0, self.edges),
            self.stated_right(),
            percent(self.contained, self.edges),
            self.contained_wrong
        )
    }
}
