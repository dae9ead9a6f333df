//! What the stack file says of who calls whom, compared with what was seen.

use super::Exchanges;
use crate::stack::{ServiceName, Stack};

/// An edge that is declared and over which nothing was seen to go: it may not have been used, or what uses it passes no
/// relay (a fixed address, a container's name, a service with `trace = false`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Who is declared to call.
    pub caller: ServiceName,
    /// Whom.
    pub callee: ServiceName,
}

/// The declared edges (environment, `depends_on` except on jobs) over which nothing was seen, of services that both run.
pub fn unseen(
    stack: &Stack,
    exchanges: &Exchanges,
    runs: impl Fn(&ServiceName) -> bool,
) -> Vec<Unseen> {
    let declared = stack.services.values().flat_map(|service| {
        let callees = service.callees().into_iter();
        callees.map(|callee| (&service.name, callee))
    });
    declared
        .filter(|(caller, callee)| stack.service(callee).is_some() && runs(caller) && runs(callee))
        .filter(|(caller, callee)| exchanges.calls(caller, callee) == 0)
        .map(|(caller, callee)| Unseen {
            caller: caller.clone(),
            callee: callee.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::exchange_fixture::exchange;
    use super::*;
    use crate::stack::{Condition, Service};

    #[test]
    fn an_edge_is_unseen_until_something_goes_over_it() {
        let mut web = Service::named("web");
        for callee in ["orders", "catalog", "gone"] {
            web.depends_on.insert(callee.into(), Condition::Ready);
        }
        web.depends_on.insert("seed".into(), Condition::Completed);
        let services = [web]
            .into_iter()
            .chain(["orders", "catalog", "seed"].map(Service::named));
        let stack = Stack {
            services: services.map(|one| (one.name.clone(), one)).collect(),
            ..Stack::default()
        };
        let mut store = Exchanges::new(1 << 20);
        let callees = |store: &Exchanges, stops: &str| {
            let unseen = unseen(&stack, store, |name| name.as_str() != stops);
            let callees = unseen.into_iter().map(|edge| edge.callee.to_string());
            callees.collect::<Vec<_>>()
        };
        assert_eq!(callees(&store, ""), ["catalog", "orders"]);
        assert_eq!(callees(&store, "catalog"), ["orders"]);
        assert!(callees(&store, "web").is_empty());
        store.push(exchange(1, 1, None, "orders"));
        assert_eq!(callees(&store, "").len(), 2, "that came from outside");
        let mut called = exchange(1, 2, None, "orders");
        called.caller = Some("web".into());
        store.push(called);
        assert_eq!(callees(&store, ""), ["catalog"]);
    }
}
