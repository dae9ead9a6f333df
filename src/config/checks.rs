//! What can be said only when all services are known: who needs whom, who uses which port, who names whom.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::stack::{Health, Probe, ServiceName, Stack};

use super::address::{self, Mention};
use super::depends_on::Edge;
use super::doors::{self, Door};
use super::nearest::suggest;
use super::problem::quoted;
use super::scope::Scope;
use super::services::Draft;
use super::smoke::DraftCheck;
use super::tree::Span;

/// All services of the file by name.
pub(super) type Drafts = IndexMap<String, Draft>;

/// Checks every active service against the others, and fills in what it depends on.
pub(super) fn services(drafts: &mut Drafts, scope: &mut Scope<'_>) {
    let mut resolved = Vec::new();
    for (name, draft) in drafts.iter() {
        let edges = edges(name, draft, drafts, scope);
        resolved.push(edges);
        if draft.active {
            addresses(name, draft, drafts, scope);
            fault_callers(name, draft, drafts, scope);
            probe_port(name, draft, scope);
        }
    }
    for (draft, edges) in drafts.values_mut().zip(resolved) {
        let followed = edges.iter().filter(|edge| edge.restart);
        draft.service.follows = followed.map(|edge| ServiceName::new(&edge.to)).collect();
        draft.service.depends_on = edges
            .into_iter()
            .map(|edge| (ServiceName::new(&edge.to), edge.condition))
            .collect();
    }
    cycles(drafts, scope);
}

/// The edges that stay: those to services that are there.
fn edges(name: &str, draft: &Draft, drafts: &Drafts, scope: &mut Scope<'_>) -> Vec<Edge> {
    let mut kept: Vec<Edge> = Vec::new();
    for edge in &draft.edges {
        match drafts.get(&edge.to) {
            None if !edge.required => {}
            None => unknown(
                &format!("service {} depends on", quoted(name)),
                &edge.to,
                &edge.span,
                drafts,
                scope,
            ),
            Some(_) if edge.to == name => {
                scope.error(
                    &edge.span,
                    format!("service {} depends on itself", quoted(name)),
                );
            }
            Some(other) if draft.active && !other.active => {
                if edge.required {
                    inactive(
                        &format!("service {} depends on", quoted(name)),
                        &edge.to,
                        other,
                        &edge.span,
                        scope,
                    );
                }
            }
            Some(_) => kept.push(edge.clone()),
        }
    }
    kept
}

/// Notes that a service is named that the file does not have.
fn unknown(who: &str, name: &str, span: &Span, drafts: &Drafts, scope: &mut Scope<'_>) {
    let not_itself = |known: &&str| !who.starts_with(&format!("service {} ", quoted(known)));
    let names = drafts.keys().map(String::as_str).filter(not_itself);
    let help = suggest(name, names, "service");
    let message = format!(
        "{who} {}, which is not a service of this file",
        quoted(name)
    );
    scope.error(span, message).help_if(help);
}

/// Notes that a service is named that no chosen profile has.
fn inactive(who: &str, name: &str, other: &Draft, span: &Span, scope: &mut Scope<'_>) {
    let profile = other.profiles.first().map_or("", String::as_str);
    let place = scope.place(&other.name_span);
    scope
        .error(
            span,
            format!("{who} {}, whose profile is not chosen", quoted(name)),
        )
        .also(place, format!("it belongs to the profile \"{profile}\""))
        .help(format!("add --profile {profile}"));
}

fn addresses(name: &str, draft: &Draft, drafts: &Drafts, scope: &mut Scope<'_>) {
    for (mention, span) in &draft.mentions {
        let who = format!("the environment of service {} names", quoted(name));
        match drafts.get(&mention.service) {
            None => unknown(&who, &mention.service, span, drafts, scope),
            Some(other) if !other.active => inactive(&who, &mention.service, other, span, scope),
            Some(other) => address(mention, other, span, scope),
        }
    }
}

fn fault_callers(name: &str, draft: &Draft, drafts: &Drafts, scope: &mut Scope<'_>) {
    for (caller, span) in &draft.fault_callers {
        if !drafts.contains_key(caller) {
            let who = format!("a fault of service {} is for requests from", quoted(name));
            unknown(&who, caller, span, drafts, scope);
        }
    }
}

fn address(mention: &Mention, other: &Draft, span: &Span, scope: &mut Scope<'_>) {
    if !address::PARTS.iter().any(|(part, _)| *part == mention.part) {
        let help = suggest(
            &mention.part,
            address::PARTS.iter().map(|(part, _)| *part),
            "part",
        );
        let message = format!(
            "{} asks for {}, which an address does not have",
            mention.expression,
            quoted(&mention.part)
        );
        scope.error(span, message).help_if(help);
        return;
    }
    if mention.part != "host" && other.service.has_image() && other.service.port().is_none() {
        let name = &mention.service;
        let message = format!(
            "{} cannot be filled in: no port of service {} is known",
            mention.expression,
            quoted(name)
        );
        let place = scope.place(&other.name_span);
        scope
            .error(span, message)
            .also(place, "the service")
            .help(format!("add expose = [8000], with the right number, to [services.{name}], or EXPOSE to its Dockerfile"));
    }
}

/// A probe over the network needs a port. A process gets one from Boatyard, a container must say it.
fn probe_port(name: &str, draft: &Draft, scope: &mut Scope<'_>) {
    let Some(Health { probe, .. }) = &draft.service.health else {
        return;
    };
    let networked = !matches!(probe, Probe::Exec(_) | Probe::Log(_));
    if networked && draft.service.has_image() && draft.service.port().is_none() {
        let span = draft.health_span.as_ref().unwrap_or(&draft.name_span);
        scope
            .error(span, format!("the health probe of service {} has no port to ask", quoted(name)))
            .help("add \"ports\" or expose = [8000], with the right number, or name it in the probe: http = \":8000/healthz\"");
    }
}

/// Names each cycle once, with the place of each of its edges.
fn cycles(drafts: &Drafts, scope: &mut Scope<'_>) {
    let stack = Stack {
        services: drafts
            .values()
            .map(|draft| (draft.service.name.clone(), draft.service.clone()))
            .collect(),
        ..Stack::default()
    };
    for cycle in stack.graph().cycles() {
        let names: Vec<&str> = cycle.iter().map(ServiceName::as_str).collect();
        let spans: Vec<&Span> = cycle
            .windows(2)
            .filter_map(|pair| edge_span(drafts, pair[0].as_str(), pair[1].as_str()))
            .collect();
        let Some((first, rest)) = spans.split_first() else {
            continue;
        };
        let places: Vec<_> = rest.iter().map(|span| scope.place(span)).collect();
        let problem = scope.error(
            first,
            format!("services wait for each other: {}", names.join(" → ")),
        );
        problem.label(format!("{} needs {}", names[0], names[1]));
        for (place, pair) in places.into_iter().zip(names.windows(2).skip(1)) {
            problem.also(place, format!("{} needs {}", pair[0], pair[1]));
        }
        problem.help("remove one of these dependencies; a service that only calls another need not wait for it");
    }
}

fn edge_span<'d>(drafts: &'d Drafts, from: &str, to: &str) -> Option<&'d Span> {
    let edges = &drafts.get(from)?.edges;
    edges
        .iter()
        .find(|edge| edge.to == to)
        .map(|edge| &edge.span)
}

/// Two front doors on one port of this machine, among the services that run.
pub(super) fn host_ports(drafts: &Drafts, idle: &BTreeSet<ServiceName>, scope: &mut Scope<'_>) {
    let running = drafts
        .iter()
        .filter(|(name, draft)| draft.active && !idle.contains(name.as_str()));
    let doors = running.flat_map(|(name, draft)| {
        let doors = draft.service.ports.iter().zip(&draft.port_places);
        doors.map(|(port, place)| Door {
            service: name,
            port,
            place: place.clone(),
        })
    });
    scope.problems.extend(doors::shared(doors));
}

/// Keeps the checks whose services are there; notes those that name an unknown one.
pub(super) fn smoke(
    checks: Vec<DraftCheck>,
    drafts: &Drafts,
    scope: &mut Scope<'_>,
) -> Vec<DraftCheck> {
    let mut kept = Vec::new();
    for draft in checks {
        let mut all_here = true;
        let who = format!("smoke check {} names", quoted(&draft.check.name));
        for (name, span) in &draft.services {
            match drafts.get(name) {
                None => unknown(&who, name, span, drafts, scope),
                Some(other) if !other.active => {
                    all_here = false;
                    let profile = other.profiles.first().map_or("", String::as_str);
                    let message = format!(
                        "{who} {}, whose profile is not chosen; the check is left out",
                        quoted(name)
                    );
                    scope
                        .warning(span, message)
                        .help(format!("add --profile {profile}"));
                }
                Some(_) => {}
            }
        }
        if all_here {
            kept.push(draft);
        }
    }
    kept
}

/// Warns of a named volume that the file's `[volumes]` does not have, when there is such a table.
pub(super) fn volumes(declared: &[&str], drafts: &Drafts, scope: &mut Scope<'_>) {
    for draft in drafts.values() {
        for (name, span) in &draft.volume_names {
            if !declared.contains(&name.as_str()) {
                let message = format!("the volume {} is not among [volumes]", quoted(name));
                let help = suggest(name, declared.iter().copied(), "volume");
                scope.warning(span, message).help_if(help);
            }
        }
    }
}
