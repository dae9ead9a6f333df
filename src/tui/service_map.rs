//! Who calls whom, as the stack says and as relays saw: the services in layers, the callers before those they call.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{Condition, ServiceName, Stack};
use crate::telemetry::EdgeRates;

/// One edge from a service to another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapEdge {
    pub(super) callee: ServiceName,
    /// Whether the stack file says so.
    pub(super) declared: bool,
    /// What it must have done before the other starts, if it is needed for that alone and never called.
    pub(super) order: Option<Condition>,
    /// What passed over it; `None`: nothing was seen in this session.
    pub(super) seen: Option<EdgeRates>,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MapNode {
    pub(super) name: ServiceName,
    /// What came to it from this machine, through its front door.
    pub(super) entered: Option<EdgeRates>,
    pub(super) calls: Vec<MapEdge>,
}

/// The services in layers. Each calls only services of later layers, as far as there are no circles.
pub(super) fn layers(stack: &Stack, seen: Vec<EdgeRates>) -> Vec<Vec<MapNode>> {
    let mut nodes: BTreeMap<ServiceName, MapNode> = BTreeMap::new();
    for (name, service) in &stack.services {
        let calls = service.callees().into_iter();
        let calls = calls.filter(|callee| stack.services.contains_key(*callee) && *callee != name);
        let calls = calls.map(|callee| MapEdge {
            callee: callee.clone(),
            declared: true,
            order: None,
            seen: None,
        });
        let mut calls: Vec<MapEdge> = calls.collect();
        for (needed, condition) in &service.depends_on {
            let is_known = calls.iter().any(|call| call.callee == *needed);
            let is_there = stack.services.contains_key(needed) && needed != name;
            if is_there && !is_known {
                calls.push(MapEdge {
                    callee: needed.clone(),
                    declared: true,
                    order: Some(*condition),
                    seen: None,
                });
            }
        }
        let here = node(name, calls);
        nodes.insert(name.clone(), here);
    }
    for edge in seen {
        add(&mut nodes, edge);
    }
    let depths = depths(&nodes);
    let order = |name: &ServiceName| stack.services.get_index_of(name).unwrap_or(usize::MAX);
    let deepest = depths.values().max().map_or(0, |deepest| deepest + 1);
    let mut layers: Vec<Vec<MapNode>> = vec![Vec::new(); deepest];
    for (name, node) in nodes {
        layers[depths[&name]].push(node);
    }
    for layer in &mut layers {
        layer.sort_by_key(|node| order(&node.name));
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

fn node(name: &ServiceName, calls: Vec<MapEdge>) -> MapNode {
    MapNode {
        name: name.clone(),
        entered: None,
        calls,
    }
}

fn add(nodes: &mut BTreeMap<ServiceName, MapNode>, edge: EdgeRates) {
    let to = edge.callee.clone();
    nodes
        .entry(to.clone())
        .or_insert_with(|| node(&to, Vec::new()));
    let Some(from) = edge.caller.clone() else {
        if let Some(known) = nodes.get_mut(&to) {
            known.entered = Some(edge);
        }
        return;
    };
    let known = nodes
        .entry(from.clone())
        .or_insert_with(|| node(&from, Vec::new()));
    match known.calls.iter_mut().find(|call| call.callee == to) {
        Some(call) => call.seen = Some(edge),
        None => known.calls.push(MapEdge {
            callee: to,
            declared: false,
            order: None,
            seen: Some(edge),
        }),
    }
}

/// The layer of each service: one after the last of its callers. Those of a circle stand where the circle is entered.
fn depths(nodes: &BTreeMap<ServiceName, MapNode>) -> BTreeMap<ServiceName, usize> {
    let mut open: BTreeSet<&ServiceName> = nodes.keys().collect();
    let mut depths = BTreeMap::new();
    let mut depth = 0;
    while !open.is_empty() {
        let called: BTreeSet<&ServiceName> = open
            .iter()
            .flat_map(|name| nodes[*name].calls.iter())
            .filter(|call| open.contains(&call.callee))
            .map(|call| &call.callee)
            .collect();
        let mut layer: Vec<&ServiceName> = open.difference(&called).copied().collect();
        if layer.is_empty() {
            // A circle: whoever is entered from outside comes first, else the first by name.
            let entered = open.iter().find(|name| nodes[**name].entered.is_some());
            layer.extend(entered.or(open.first()).copied());
        }
        for name in layer {
            open.remove(name);
            depths.insert(name.clone(), depth);
        }
        depth += 1;
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Service;
    use crate::telemetry::Rates;

    fn stack(edges: &[(&str, &[&str])]) -> Stack {
        let mut stack = Stack::default();
        for (name, needs) in edges {
            let mut service = Service::named(*name);
            let needs = needs.iter();
            service.depends_on = needs
                .map(|name| (ServiceName::from(*name), Condition::Ready))
                .collect();
            stack.services.insert(service.name.clone(), service);
        }
        stack
    }

    fn seen(from: Option<&str>, to: &str) -> EdgeRates {
        EdgeRates {
            caller: from.map(ServiceName::from),
            callee: to.into(),
            seen: 1,
            rates: Rates::default(),
        }
    }

    fn told(stack: &Stack, edges: Vec<EdgeRates>) -> Vec<String> {
        let edge = |edge: &MapEdge| {
            let sign = match (edge.declared, &edge.seen) {
                (true, Some(_)) => "",
                (true, None) => "?",
                (false, _) => "!",
            };
            format!("{}{sign}", edge.callee)
        };
        let node = |node: &MapNode| {
            let calls: Vec<_> = node.calls.iter().map(edge).collect();
            format!("{}>{}", node.name, calls.join(","))
        };
        let layers = layers(stack, edges);
        layers
            .iter()
            .map(|layer| layer.iter().map(node).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn callers_stand_before_those_they_call() {
        let stack = stack(&[
            ("db", &[]),
            ("orders", &["db", "payments"]),
            ("payments", &["db"]),
            ("web", &["orders"]),
        ]);
        let edges = vec![
            seen(None, "web"),
            seen(Some("web"), "orders"),
            seen(Some("web"), "cart"),
            seen(Some("orders"), "payments"),
        ];
        assert_eq!(
            told(&stack, edges),
            [
                "web>orders,cart!",
                "orders>db?,payments cart>",
                "payments>db?",
                "db>"
            ]
        );
    }

    #[test]
    fn circles_have_an_end() {
        let stack = stack(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]);
        assert_eq!(
            told(&stack, vec![seen(None, "b")]),
            ["b>c?", "c>a?", "a>b?"]
        );
        assert_eq!(told(&Stack::default(), Vec::new()), Vec::<String>::new());
    }
}
