//! Sessions for the tests of reports, driven by the real engine.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::{Effect, Engine, Event, Moment, Noticed, Options, State};
use crate::runtime::{Clock, Shown, View};
use crate::stack::{
    Check, CheckKind, Health, HttpExpect, HttpProbe, HttpRequest, Probe, RequestBody, Service,
    Stack,
};
use crate::telemetry::{
    AttributeValue, Exchange, ExchangeStatus, Headers, NewLine, Span, SpanId, SpanKind, SpanStatus,
    Stream, Telemetry, TraceId,
};

/// What a view wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(super) fn out(&self) -> Box<dyn Write + Send> {
        Box::new(self.clone())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When the sessions begin.
pub(super) fn began() -> Timestamp {
    "2026-03-18T14:03:20Z".parse().unwrap()
}

pub(super) fn at(millis: u64) -> Timestamp {
    began() + Duration::from_millis(millis)
}

pub(super) fn said(service: &str, run: u64, millis: u64, line: &str) -> NewLine {
    NewLine {
        service: service.into(),
        run,
        at: at(millis),
        stream: Stream::Stdout,
        bytes: line.into(),
    }
}

pub(super) fn exchange(millis: u64) -> Exchange {
    Exchange {
        trace: TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
        span: SpanId(0x00f0_67aa_0ba9_02b7),
        parent: None,
        caller: Some("web".into()),
        callee: "orders".into(),
        run: 2,
        method: "POST".into(),
        path: "/orders?token=s3cret".into(),
        status: ExchangeStatus::Http(201),
        started: at(millis),
        took: Duration::from_micros(38_500),
        held: Duration::ZERO,
        request_bytes: 26,
        response_bytes: 17,
        request_headers: Headers::default(),
        response_headers: Headers::default(),
        request_body: crate::telemetry::BodyHead::default(),
        response_body: crate::telemetry::BodyHead::default(),
        injected: None,
    }
}

/// What `orders` tells of the same request.
pub(super) fn span(millis: u64) -> Span {
    let exchange = exchange(millis);
    let attributes = [("http.response.status_code", AttributeValue::Int(201))];
    Span {
        trace: exchange.trace,
        span: SpanId(0x53ce_929d_0e0e_4736),
        parent: Some(exchange.span),
        service: "orders".into(),
        run: Some(2),
        name: "POST /orders".into(),
        kind: SpanKind::Server,
        started: exchange.started,
        took: Duration::from_micros(36_200),
        status: SpanStatus::Unset,
        attributes: attributes.into_iter().collect(),
        events: Vec::new(),
        links: Vec::new(),
        scope: Arc::default(),
    }
}

/// Two processes with a probe each, `web` needing `orders`, and these checks.
pub(super) fn stack(checks: &[&str]) -> Stack {
    let mut stack = Stack {
        name: "shop".into(),
        directory: "/shop".into(),
        file: "/shop/boatyard.toml".into(),
        max_builds: 2,
        redact: vec!["s3cret".into()],
        ..Stack::default()
    };
    for name in ["orders", "web"] {
        let mut service = Service::named(name);
        service.run = Some(crate::stack::CommandWords::Shell("python3 app.py".into()));
        service.health = Some(Health::new(Probe::Http(HttpProbe {
            path: "/healthz".into(),
            port: None,
            status: None,
        })));
        if name == "web" {
            service
                .depends_on
                .insert("orders".into(), crate::stack::Condition::Ready);
        }
        stack.services.insert(service.name.clone(), service);
    }
    stack.smoke = checks.iter().map(|name| check(name)).collect();
    stack
}

fn check(name: &str) -> Check {
    Check {
        name: name.into(),
        kind: CheckKind::Http {
            request: HttpRequest {
                method: "GET".into(),
                url: "http://web/".into(),
                headers: indexmap::IndexMap::new(),
                body: RequestBody::Empty,
            },
            expect: HttpExpect::default(),
        },
        retries: 0,
        retry_delay: Duration::ZERO,
        timeout: Duration::from_secs(5),
        trace: None,
        faults: Vec::new(),
    }
}

/// A session under way, its view, and what the engine has asked for so far.
pub(super) struct Session<V> {
    pub(super) engine: Engine,
    pub(super) view: V,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) clock: Clock,
    pub(super) effects: Vec<Effect>,
}

impl<V: View> Session<V> {
    pub(super) fn new(
        stack: Stack,
        options: Options,
        view: impl FnOnce(Arc<Telemetry>, Clock) -> V,
    ) -> Self {
        let telemetry = Arc::new(Telemetry::default());
        let clock = Clock::fixed(began());
        let (engine, effects, notices) = Engine::new(Arc::new(stack), options);
        let mut session = Self {
            engine,
            view: view(Arc::clone(&telemetry), clock.clone()),
            telemetry,
            clock,
            effects,
        };
        session.show(0, notices);
        session
    }

    /// Tells the engine a fact at this millisecond, and shows what follows.
    pub(super) fn tell(&mut self, millis: u64, event: Event) {
        let (effects, notices) = self.engine.handle(Moment::from_millis(millis), event);
        self.effects.extend(effects);
        self.show(millis, notices);
    }

    pub(super) fn show(&mut self, millis: u64, notices: Vec<crate::engine::Notice>) {
        let at = Moment::from_millis(millis);
        let shown: Vec<Noticed> = notices
            .into_iter()
            .map(|notice| Noticed { at, notice })
            .collect();
        let state: &State = self.engine.state();
        self.view.show(&Shown {
            state,
            notices: &shown,
            telemetry: &self.telemetry,
            clock: &self.clock,
        });
    }

    /// The newest run that was asked for.
    pub(super) fn last_run(&self) -> crate::engine::RunId {
        let mut starts = self.effects.iter().rev();
        starts
            .find_map(|effect| match effect {
                Effect::StartRun(start) => Some(start.run),
                _ => None,
            })
            .expect("a run was asked for")
    }

    /// The newest check that was asked for.
    pub(super) fn last_check(&self) -> crate::engine::CheckId {
        let mut checks = self.effects.iter().rev();
        checks
            .find_map(|effect| match effect {
                Effect::RunCheck { check, .. } => Some(*check),
                _ => None,
            })
            .expect("a check was asked for")
    }

    /// Tells that every run that was ever asked for has ended, whether or not it had before.
    pub(super) fn end_all_runs(&mut self, millis: u64) {
        let runs: Vec<_> = self
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::StartRun(start) => Some(start.run),
                _ => None,
            })
            .collect();
        for run in runs {
            let exit = crate::engine::Exit {
                signal: Some("SIGTERM".into()),
                ..Default::default()
            };
            self.tell(millis, Event::RunExited { run, exit });
        }
    }
}

/// A run that has started as a process.
pub(super) fn started(run: crate::engine::RunId) -> Event {
    let place = crate::engine::Place::Process {
        pid: 4711,
        port: 40123,
    };
    Event::RunStarted { run, place }
}

/// An answer of a probe.
pub(super) fn probed(run: crate::engine::RunId, healthy: bool, said: &str) -> Event {
    let answer = crate::engine::ProbeAnswer {
        healthy,
        took: Duration::from_millis(2),
        said: said.into(),
    };
    Event::Probed { run, answer }
}
