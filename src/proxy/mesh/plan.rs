//! Which services can share a relay.
//!
//! A relay has one address, so two of its services at one port are told apart by the name that the caller asks for. HTTP/1
//! and TLS say it. Services that may speak something else at a port that others have get relays of their own.

use crate::stack::{EnvValue, Fragment, Probe, Service, ServiceName, Stack};

/// Relays of one stack at most; services that would need more share the last one.
const MOST: usize = 8;

/// Sorts services into relays. `ports` says at which ports each is known to listen.
pub fn share(
    stack: &Stack,
    services: &[ServiceName],
    ports: impl Fn(&ServiceName) -> Vec<u16>,
) -> Vec<Vec<ServiceName>> {
    let mut relays: Vec<Vec<ServiceName>> = Vec::new();
    let known: Vec<(&ServiceName, Vec<u16>, bool)> = services
        .iter()
        .map(|name| (name, ports(name), says_its_name(stack, name)))
        .collect();
    let of = |name: &ServiceName| known.iter().find(|(other, ..)| *other == name);
    for (name, ports, says) in &known {
        let fits = |relay: &&mut Vec<ServiceName>| {
            relay.iter().filter_map(of).all(|(_, taken, other_says)| {
                (*says && *other_says) || !ports.iter().any(|port| taken.contains(port))
            })
        };
        let is_full = relays.len() >= MOST;
        let place = relays.iter_mut().find(fits);
        match place {
            Some(relay) => relay.push((*name).clone()),
            None if is_full => relays[MOST - 1].push((*name).clone()),
            None => relays.push(vec![(*name).clone()]),
        }
    }
    relays
}

/// Whether a service is believed to be called in a protocol that says its name: it has an HTTP probe, or somebody is told
/// its URL.
fn says_its_name(stack: &Stack, name: &ServiceName) -> bool {
    let probe = |service: &Service| {
        let health = service.health.as_ref();
        health.is_some_and(|health| matches!(health.probe, Probe::Http(_)))
    };
    let has_grpc = |service: &Service| {
        let health = service.health.as_ref();
        health.is_some_and(|health| matches!(health.probe, Probe::Grpc { .. }))
    };
    let service = stack.service(name);
    if service.is_some_and(has_grpc) {
        return false;
    }
    service.is_some_and(probe)
        || stack
            .services
            .values()
            .flat_map(|service| service.environment.values())
            .any(|value| gives_url(value, name))
}

/// Whether a value has a URL of this service: `{{orders.url}}`, `http://orders:8000`, `https://{{orders.host}}`.
fn gives_url(value: &EnvValue, name: &ServiceName) -> bool {
    let EnvValue(fragments) = value;
    let schemes = ["http://", "https://"];
    let ends_in_scheme = |text: &str| schemes.iter().any(|scheme| text.ends_with(scheme));
    let mut before = "";
    for fragment in fragments {
        match fragment {
            Fragment::Address(callee, part) if callee == name => {
                if *part == crate::stack::AddressPart::Url || ends_in_scheme(before) {
                    return true;
                }
                before = "";
            }
            Fragment::Address(..) => before = "",
            Fragment::Text(text) => {
                let is_url = schemes.iter().any(|scheme| {
                    let url = format!("{scheme}{name}");
                    text.match_indices(&url).any(|(at, found)| {
                        let next = text[at + found.len()..].chars().next();
                        next.is_none_or(|next| !next.is_alphanumeric() && !"-_.".contains(next))
                    })
                });
                if is_url {
                    return true;
                }
                before = text;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{AddressPart, Health};

    fn stack(services: Vec<Service>) -> Stack {
        let named = services.into_iter().map(|one| (one.name.clone(), one));
        Stack {
            services: named.collect(),
            ..Stack::default()
        }
    }

    fn service(name: &str, port: u16) -> Service {
        let mut service = Service::named(name);
        service.expose = vec![port];
        service
    }

    fn shared(stack: &Stack) -> Vec<String> {
        let all: Vec<ServiceName> = stack.services.keys().cloned().collect();
        let relays = share(stack, &all, |name| stack.services[name].expose.clone());
        let words = |relay: &Vec<ServiceName>| {
            let names: Vec<&str> = relay.iter().map(ServiceName::as_str).collect();
            names.join(" ")
        };
        relays.iter().map(words).collect()
    }

    #[test]
    fn only_those_that_say_no_name_at_a_shared_port_are_apart() {
        let mut web = service("web", 8000);
        let url = vec![Fragment::Address("orders".into(), AddressPart::Url)];
        web.environment.insert("ORDERS".into(), EnvValue(url));
        web.environment
            .insert("WEB".into(), EnvValue::text("http://web:8000/"));
        web.environment
            .insert("X".into(), EnvValue::text("http://db-1:8000/"));
        let stack = stack(vec![
            web,
            service("orders", 8000),
            service("db", 8000),
            service("cache", 6379),
            service("queue", 6379),
            service("db-1", 9000),
        ]);
        assert_eq!(shared(&stack), ["web orders cache db-1", "db queue"]);
    }

    #[test]
    fn what_speaks_grpc_packs_its_names() {
        let grpc = |name: &str| {
            let mut service = service(name, 50_051);
            let probe = Probe::Grpc {
                port: None,
                service: String::new(),
            };
            service.health = Some(Health::new(probe));
            service
        };
        let stack = stack(vec![grpc("a"), grpc("b"), service("c", 80)]);
        assert_eq!(shared(&stack), ["a c", "b"]);
    }
}
