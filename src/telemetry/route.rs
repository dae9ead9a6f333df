//! Routes: paths that differ in ids alone are one, so that requests can be compared with each other.

use std::time::Duration;

use jiff::Timestamp;

use super::Telemetry;
use super::exchange::{Exchange, ExchangeStatus};
use crate::stack::ServiceName;

/// Exchanges that one step takes out of the store.
const STEP: u64 = 4096;

/// The path without its query, with `*` for each part that looks like an id: digits, or eight and more hexadecimal digits.
pub fn route(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let part = |part: &str| {
        let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        let is_hex = part.len() >= 8
            && part.bytes().any(|byte| byte.is_ascii_digit())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !part.is_empty() && (is_digits || is_hex) {
            "*".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// How the requests of one route went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteFigures {
    /// How many there were.
    pub requests: usize,
    /// How many of them the callee failed.
    pub errors: usize,
    /// Half of them took at most this long.
    pub p50: Duration,
    /// 95 of 100 took at most this long.
    pub p95: Duration,
}

/// The requests of one route before and from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Around {
    /// Those that had ended by then.
    pub before: RouteFigures,
    /// Those that began later. What was under way then is in neither.
    pub after: RouteFigures,
    /// Whether older ones may be kept that were not looked at.
    pub partial: bool,
}

/// What makes requests comparable: who was asked, how, for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKey {
    /// Who was asked.
    pub callee: ServiceName,
    /// How.
    pub method: String,
    /// For what: see [`route`].
    pub route: String,
}

impl RouteKey {
    /// The route of this exchange.
    pub fn of(exchange: &Exchange) -> Self {
        Self {
            callee: exchange.callee.clone(),
            method: exchange.method.clone(),
            route: route(&exchange.path),
        }
    }

    fn is_of(&self, exchange: &Exchange) -> bool {
        self.callee == exchange.callee
            && self.method == exchange.method
            && !matches!(exchange.status, ExchangeStatus::Open)
            && self.route == route(&exchange.path)
    }
}

impl Telemetry {
    /// How the newest requests of a route went before and after a moment; at most `patience` exchanges are looked at.
    pub fn around(&self, key: &RouteKey, moment: Timestamp, patience: u64) -> Around {
        let (mut before, mut after) = (Sample::default(), Sample::default());
        let (first, next) = self.exchanges().bounds();
        let least = next.saturating_sub(patience).max(first);
        let mut end = next;
        while end > least {
            let start = end.saturating_sub(STEP).max(least);
            let step: Vec<_> = {
                let exchanges = self.exchanges();
                let range = exchanges.range(start..end);
                range.map(|(_, one)| one.clone()).collect()
            };
            for one in step.iter().filter(|one| key.is_of(one)) {
                if one.started >= moment {
                    after.add(one);
                } else if one.ended() <= moment {
                    before.add(one);
                }
            }
            end = start;
        }
        Around {
            before: before.figures(),
            after: after.figures(),
            partial: least > first,
        }
    }
}

#[derive(Debug, Default)]
struct Sample {
    times: Vec<Duration>,
    errors: usize,
}

impl Sample {
    fn add(&mut self, exchange: &Exchange) {
        self.times.push(exchange.took);
        self.errors += usize::from(exchange.is_error());
    }

    fn figures(mut self) -> RouteFigures {
        self.times.sort_unstable();
        let at = |percent: usize| {
            let place = (self.times.len() * percent).div_ceil(100).max(1) - 1;
            self.times.get(place).copied().unwrap_or_default()
        };
        RouteFigures {
            requests: self.times.len(),
            errors: self.errors,
            p50: at(50),
            p95: at(95),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange_fixture::timed;
    use super::*;

    #[test]
    fn ids_are_left_out_of_a_route() {
        for (path, expected) in [
            ("/orders/17?full=1", "/orders/*"),
            ("/orders/17/items/0042", "/orders/*/items/*"),
            ("/u/4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "/u/*"),
            ("/facade/feedface", "/facade/feedface"),
            ("/v2/health", "/v2/health"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(route(path), expected);
        }
    }

    #[test]
    fn a_route_is_told_before_and_after() {
        let telemetry = Telemetry::default();
        let push = |span: u64, start: u64, end: u64, path: &str, code: u16| {
            let mut one = timed((u128::from(span), span, None), "orders", start, end);
            one.path = path.into();
            one.status = ExchangeStatus::Http(code);
            telemetry.exchanges().push(one);
        };
        for n in 0..100 {
            push(n, n * 10, n * 10 + 1 + n, &format!("/orders/{n}"), 200);
        }
        push(200, 1090, 1200, "/orders/7", 200);
        push(201, 1150, 1160, "/orders/7", 500);
        push(202, 1170, 1180, "/other", 500);
        let key = RouteKey {
            callee: "orders".into(),
            method: "GET".into(),
            route: "/orders/*".into(),
        };
        let moment = Timestamp::UNIX_EPOCH + Duration::from_millis(1100);
        let around = telemetry.around(&key, moment, 10_000);
        let ms = Duration::from_millis;
        assert_eq!(
            around.before,
            RouteFigures {
                requests: 100,
                errors: 0,
                p50: ms(50),
                p95: ms(95)
            }
        );
        assert_eq!(
            around.after,
            RouteFigures {
                requests: 1,
                errors: 1,
                p50: ms(10),
                p95: ms(10)
            },
            "what was under way is in neither"
        );
        assert!(!around.partial);
        assert!(telemetry.around(&key, moment, 5).partial);
        assert_eq!(telemetry.around(&key, moment, 5).before.requests, 2);
    }
}
