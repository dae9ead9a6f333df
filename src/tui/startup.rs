//! What the start of the session waited for: which chain of services, each released by the one before it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::engine::{Moment, Notice, Noticed, RunId};
use crate::stack::{Condition, ServiceName, Stack};
use crate::text;

/// When each service came how far for the first time, as the notices told.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// The services that were to be started.
    services: Vec<ServiceName>,
    known: HashMap<ServiceName, Firsts>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Firsts {
    /// The last image before it ran was there.
    built: Option<Moment>,
    started: Option<Moment>,
    /// Its runs that are ready, until enough of them were.
    ready_runs: BTreeSet<RunId>,
    ready: Option<Moment>,
    completed: Option<Moment>,
}

/// One service of the chain, and its own part of the wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) service: ServiceName,
    /// When it was released: the beginning, or when what it needed last was there.
    pub(super) from: Moment,
    /// When it was ready itself, or far enough for the next one.
    pub(super) until: Moment,
}

/// The chain that the start waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// In the order of time: each begins when the one before it ends.
    pub(super) links: Vec<Link>,
    /// How many services are up.
    pub(super) up: usize,
    /// Those that are not.
    pub(super) missing: Vec<ServiceName>,
}

impl Start {
    /// Takes in what a notice says about the start.
    pub(super) fn hear(&mut self, noticed: &Noticed, stack: &Stack) {
        let at = noticed.at;
        match &noticed.notice {
            Notice::SessionStarted { services, .. } => self.services.clone_from(services),
            Notice::BuildFinished { service, .. } => {
                let firsts = self.of(service);
                if firsts.started.is_none() {
                    firsts.built = Some(at);
                }
            }
            Notice::RunStarted { service, .. } => {
                let firsts = self.of(service);
                firsts.started = firsts.started.or(Some(at));
            }
            Notice::RunReady { service, run, .. } => {
                let replicas = stack.services.get(service).map_or(1, |it| it.replicas);
                let firsts = self.of(service);
                firsts.started = firsts.started.or(Some(at));
                if firsts.ready.is_none() {
                    firsts.ready_runs.insert(*run);
                    if firsts.ready_runs.len() >= replicas as usize {
                        firsts.ready = Some(at);
                        firsts.ready_runs.clear();
                    }
                }
            }
            Notice::RunExited {
                service, run, code, ..
            } => {
                let firsts = self.of(service);
                firsts.ready_runs.remove(run);
                if *code == Some(0) {
                    firsts.completed = firsts.completed.or(Some(at));
                }
            }
            _ => {}
        }
    }

    fn of(&mut self, service: &ServiceName) -> &mut Firsts {
        self.known.entry(service.clone()).or_default()
    }

    fn firsts(&self, service: &ServiceName) -> Firsts {
        self.known.get(service).cloned().unwrap_or_default()
    }

    /// When a service was up for the first time: ready, or done.
    fn up(&self, service: &ServiceName) -> Option<Moment> {
        let firsts = self.firsts(service);
        firsts.ready.or(firsts.completed)
    }

    /// When a service fulfilled what others need of it.
    fn fulfilled(&self, service: &ServiceName, condition: Condition) -> Option<Moment> {
        let firsts = self.firsts(service);
        match condition {
            Condition::Started => firsts.started,
            Condition::Ready => firsts.ready.or(firsts.completed),
            Condition::Completed => firsts.completed,
        }
    }

    /// The chain that ends with the service that was up last; `None` as long as none is.
    pub(super) fn path(&self, stack: &Stack) -> Option<Path> {
        let wanted = || {
            let services = self.services.iter();
            services.filter(|name| stack.services.contains_key(*name))
        };
        // Of several at one moment the last of the stack file.
        let (until, last) = wanted()
            .filter_map(|name| Some((self.up(name)?, name)))
            .max_by_key(|(at, _)| *at)?;
        let mut links = Vec::new();
        let mut next = Some((last.clone(), until));
        while let Some((service, until)) = next {
            let known = |link: &Link| link.service == service;
            if links.iter().any(known) {
                break;
            }
            next = self.released_by(stack, &service, until);
            let from = next.as_ref().map_or(Moment::START, |(_, at)| *at);
            links.push(Link {
                service,
                from,
                until,
            });
        }
        links.reverse();
        let missing: Vec<ServiceName> = wanted()
            .filter(|name| self.up(name).is_none())
            .cloned()
            .collect();
        Some(Path {
            up: wanted().count() - missing.len(),
            links,
            missing,
        })
    }

    /// What a service waited for last before it started, and when that was there; `None`: for nothing but itself.
    fn released_by(
        &self,
        stack: &Stack,
        service: &ServiceName,
        until: Moment,
    ) -> Option<(ServiceName, Moment)> {
        let firsts = self.firsts(service);
        let began = firsts.started.unwrap_or(until).min(until);
        let needed = stack.services.get(service)?.depends_on.iter();
        let fulfilled = needed.filter_map(|(on, condition)| {
            let at = self.fulfilled(on, *condition)?;
            // What came after its start cannot have held it.
            (at <= began).then(|| (on.clone(), at))
        });
        let last = fulfilled.max_by_key(|(_, at)| *at)?;
        // Its own build took longer than what it needs.
        (firsts.built.is_none_or(|built| built <= last.1)).then_some(last)
    }
}

impl Link {
    /// Its own part of the wait.
    pub(super) fn took(&self) -> Duration {
        self.until.since(self.from)
    }
}

impl Path {
    /// When the last of it was up, as the time since the beginning.
    fn after(&self) -> Duration {
        let last = self.links.last();
        last.map_or(Duration::ZERO, |link| link.until.since(Moment::START))
    }

    /// The chain in one sentence.
    pub(super) fn words(&self) -> String {
        let links = self.links.iter();
        let chain: Vec<String> = links
            .map(|link| format!("{} {}", link.service, text::duration(link.took())))
            .collect();
        let chain = chain.join(" → ");
        let after = text::duration(self.after());
        match self.missing.as_slice() {
            [] => format!("all ready after {after}; longest wait: {chain}"),
            missing => {
                let of = self.up + missing.len();
                let names: Vec<&str> = missing.iter().map(ServiceName::as_str).collect();
                let names = names.join(", ");
                format!(
                    "{} of {of} ready after {after}: {chain}; not yet: {names}",
                    self.up
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::BuildId;
    use crate::stack::Service;

    fn stack(needs: &[(&str, &[(&str, Condition)])]) -> Stack {
        let mut stack = Stack::default();
        for (name, needed) in needs {
            let mut service = Service::named(*name);
            service.depends_on = needed
                .iter()
                .map(|(on, condition)| (ServiceName::from(*on), *condition))
                .collect();
            stack.services.insert(service.name.clone(), service);
        }
        stack
    }

    fn shop() -> Stack {
        use Condition::{Completed, Ready, Started};
        stack(&[
            ("web", &[("orders", Ready)]),
            (
                "orders",
                &[("db", Ready), ("seed", Completed), ("log", Started)],
            ),
            ("seed", &[("db", Ready)]),
            ("log", &[]),
            ("db", &[]),
        ])
    }

    enum Told {
        Built,
        Started,
        Ready,
        Done,
    }

    fn start(stack: &Stack, told: &[(u64, &str, Told)]) -> Start {
        let mut start = Start::default();
        let services: Vec<ServiceName> = stack.services.keys().cloned().collect();
        let stack_name = String::new();
        let begun = Notice::SessionStarted {
            stack: stack_name,
            services,
        };
        let mut hear = |at, notice| {
            let at = Moment::from_millis(at);
            start.hear(&Noticed { at, notice }, stack);
        };
        hear(0, begun);
        for (at, service, told) in told {
            let service = ServiceName::from(*service);
            let run = RunId(1);
            let notice = match told {
                Told::Built => Notice::BuildFinished {
                    service,
                    build: BuildId(1),
                    ms: 1,
                    image: String::new(),
                    cached: false,
                },
                Told::Started => Notice::RunStarted {
                    service,
                    run,
                    runtime: String::new(),
                    place: String::new(),
                },
                Told::Ready => Notice::RunReady {
                    service,
                    run,
                    ms: 1,
                },
                Told::Done => Notice::RunExited {
                    service,
                    run,
                    code: Some(0),
                    signal: None,
                    cause: String::new(),
                    expected: true,
                    last_lines: Vec::new(),
                },
            };
            hear(*at, notice);
        }
        start
    }

    fn words(stack: &Stack, told: &[(u64, &str, Told)]) -> String {
        let path = start(stack, told).path(stack);
        path.map_or(String::new(), |path| path.words())
    }

    #[test]
    fn the_chain_is_that_of_the_last_release() {
        use Told::{Built, Done, Ready, Started};
        let told = [
            (100, "db", Started),
            (150, "log", Started),
            (160, "log", Ready),
            (900, "orders", Built),
            (2_100, "db", Ready),
            (2_120, "seed", Started),
            (3_000, "seed", Done),
            (3_020, "orders", Started),
            (3_700, "orders", Ready),
            (3_710, "web", Started),
            (4_900, "web", Ready),
        ];
        assert_eq!(
            words(&shop(), &told),
            "all ready after 4.9 s; longest wait: db 2.1 s → seed 900 ms → orders 700 ms → web 1.2 s"
        );
    }

    #[test]
    fn who_built_longer_than_it_waited_waited_for_itself() {
        use Told::{Built, Ready, Started};
        let stack = stack(&[("web", &[("db", Condition::Ready)]), ("db", &[])]);
        let told = [
            (500, "db", Ready),
            (4_000, "web", Built),
            (4_010, "web", Started),
            (5_000, "web", Ready),
        ];
        assert_eq!(
            words(&stack, &told),
            "all ready after 5.0 s; longest wait: web 5.0 s"
        );
    }

    #[test]
    fn what_is_not_up_yet_is_named() {
        use Told::{Ready, Started};
        let told = [(100, "db", Started), (2_100, "db", Ready)];
        assert_eq!(
            words(&shop(), &told),
            "1 of 5 ready after 2.1 s: db 2.1 s; not yet: web, orders, seed, log"
        );
        assert_eq!(words(&shop(), &[]), "");
    }

    #[test]
    fn what_happens_later_changes_nothing() {
        use Told::{Done, Ready, Started};
        let stack = stack(&[("web", &[("db", Condition::Ready)]), ("db", &[])]);
        let told = |later: bool| {
            let mut told = vec![
                (100, "db", Ready),
                (110, "web", Started),
                (300, "web", Ready),
            ];
            if later {
                told.extend([(900, "db", Done), (950, "db", Started), (999, "db", Ready)]);
            }
            told
        };
        assert_eq!(words(&stack, &told(true)), words(&stack, &told(false)));
    }

    #[test]
    fn a_run_that_took_the_place_of_a_ready_one_is_no_second_replica() {
        let mut stack = stack(&[("web", &[])]);
        stack.services["web"].replicas = 2;
        let mut start = start(&stack, &[]);
        let service = || ServiceName::from("web");
        let ready = |run: u64| Notice::RunReady {
            service: service(),
            run: RunId(run),
            ms: 1,
        };
        let broke = Notice::RunExited {
            service: service(),
            run: RunId(1),
            code: Some(1),
            signal: None,
            cause: String::new(),
            expected: false,
            last_lines: Vec::new(),
        };
        let told = [
            (100, ready(1)),
            (150, ready(1)),
            (200, broke),
            (300, ready(3)),
        ];
        for (millis, notice) in told {
            let at = Moment::from_millis(millis);
            start.hear(&Noticed { at, notice }, &stack);
            assert_eq!(start.path(&stack), None, "at {millis} ms");
        }
        let at = Moment::from_millis(700);
        start.hear(
            &Noticed {
                at,
                notice: ready(2),
            },
            &stack,
        );
        let words = start.path(&stack).map(|path| path.words());
        assert_eq!(
            words.as_deref(),
            Some("all ready after 700 ms; longest wait: web 700 ms")
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_links_follow_each_other_without_gaps(
            edges in prop::collection::vec((0..6_usize, 0..6_usize), 0..14),
            told in prop::collection::vec((0..5_000_u64, 0..6_usize, 0..4_u8), 0..40),
        ) {
            const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
            let mut stack = stack(&NAMES.map(|name| (name, &[][..])));
            for (from, to) in edges {
                let service = &mut stack.services[NAMES[from]];
                service.depends_on.insert(NAMES[to].into(), Condition::Ready);
            }
            let mut told: Vec<_> = told
                .into_iter()
                .map(|(at, name, what)| {
                    let what = match what {
                        0 => Told::Built,
                        1 => Told::Started,
                        2 => Told::Ready,
                        _ => Told::Done,
                    };
                    (at, NAMES[name], what)
                })
                .collect();
            told.sort_by_key(|(at, ..)| *at);
            if let Some(path) = start(&stack, &told).path(&stack) {
                for pair in path.links.windows(2) {
                    prop_assert_eq!(pair[0].until, pair[1].from);
                }
                let first = path.links.first().map(|link| link.from);
                prop_assert_eq!(path.up + path.missing.len(), NAMES.len());
                prop_assert!(path.links.iter().all(|link| link.from <= link.until));
                prop_assert!(first.is_some());
            }
        }
    }
}
