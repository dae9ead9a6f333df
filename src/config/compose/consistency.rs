//! Checks that concern several parts of the model.

use super::super::nearest::suggest;
use super::super::problem::quoted;
use super::node::{Node, Spot};
use super::reading::Reading;

/// Notes what is missing or contradicts itself among the services that are enabled. `disabled` are the services whose
/// profiles are not.
pub(super) fn check(model: &Node, disabled: &[String], reading: &mut Reading) {
    let services = model.get("services");
    for (name, service) in services.into_iter().flat_map(Node::entries) {
        let checked = Checked {
            model,
            disabled,
            name,
            service,
        };
        checked.sources(reading);
        checked.networks(reading);
        checked.dependencies(reading);
        checked.resources(reading);
        checked.limits(reading);
        checked.watch(reading);
    }
    circles(model, reading);
}

struct Checked<'m> {
    model: &'m Node,
    disabled: &'m [String],
    name: &'m str,
    service: &'m Node,
}

impl Checked<'_> {
    fn sources(&self, reading: &mut Reading) {
        let name = quoted(self.name);
        let has_image = self
            .service
            .text_of("image")
            .is_some_and(|text| !text.is_empty());
        let build = self.service.get("build");
        if build.is_none() && !has_image && self.service.get("provider").is_none() {
            let message = format!("service {name} has neither an image nor a build");
            reading
                .error(self.service.key_spot(), message)
                .help("add \"image: NAME\", or \"build: FOLDER\" with a Dockerfile in it");
        }
        let Some(build) = build else { return };
        if let (Some(inline), Some(_)) = (build.get("dockerfile_inline"), build.get("dockerfile")) {
            let message = format!(
                "service {name}: \"dockerfile\" and \"dockerfile_inline\" exclude each other"
            );
            reading
                .error(inline.key_spot(), message)
                .help("keep one of them");
        }
        for (context, node) in build
            .get("additional_contexts")
            .into_iter()
            .flat_map(Node::entries)
        {
            let Some(target) = node
                .as_text()
                .and_then(|text| text.strip_prefix("service:"))
            else {
                continue;
            };
            match self.model.find(&["services", target]) {
                None => self.undefined("service", "services", target, &node.at, reading),
                Some(other) if other.get("build").is_none() => {
                    let message = format!(
                        "service {} is not built, so it cannot be the context \"{context}\"",
                        quoted(target)
                    );
                    reading.error(&node.at, message);
                }
                Some(_) => {}
            }
        }
        if let Some(platform) = self.service.get("platform")
            && let Some(platforms) = build
                .get("platforms")
                .filter(|list| !list.members().is_empty())
            && !platforms.members().contains(platform)
        {
            let message = format!(
                "service {name}: its platform {} is not among those that are built",
                quoted(platform.as_text().unwrap_or_default())
            );
            let problem = reading.error(&platform.at, message);
            problem.help("add it to \"build.platforms\"");
            if let Some(place) = platforms.key_spot().place() {
                problem.also(place, "these are built");
            }
        }
    }

    fn networks(&self, reading: &mut Reading) {
        let mode = self
            .service
            .get("network_mode")
            .filter(|mode| mode.as_text() != Some(""));
        let networks = self.service.get("networks");
        let mut attached = networks.into_iter().flat_map(Node::entries).peekable();
        if let (Some(mode), true) = (mode, attached.peek().is_some()) {
            let message = format!(
                "service {}: \"network_mode\" and \"networks\" exclude each other",
                quoted(self.name)
            );
            let problem = reading.error(mode.key_spot(), message);
            problem.help("keep one of them");
            if let Some(place) = networks.and_then(|node| node.key_spot().place()) {
                problem.also(place, "networks here");
            }
        }
        for (network, node) in attached {
            self.defined("network", "networks", network, node.key_spot(), reading);
        }
    }

    fn dependencies(&self, reading: &mut Reading) {
        let dependencies = self.service.get("depends_on");
        for (other, node) in dependencies.into_iter().flat_map(Node::entries) {
            if self.model.find(&["services", other]).is_some() {
                continue;
            }
            let is_disabled = self.disabled.iter().any(|name| name == other);
            let is_required = node.get("required").and_then(Node::as_bool) != Some(false);
            if !is_disabled {
                self.undefined("service", "services", other, node.key_spot(), reading);
            } else if is_required {
                let message = format!(
                    "service {} depends on {}, whose profile is not enabled",
                    quoted(self.name),
                    quoted(other)
                );
                reading
                    .error(node.key_spot(), message)
                    .help("enable it with --profile, or write \"required: false\"");
            }
        }
    }

    fn resources(&self, reading: &mut Reading) {
        let members = |keys: &[&str]| {
            let list = self.service.find(keys);
            list.map(Node::members).unwrap_or_default()
        };
        for volume in members(&["volumes"]) {
            if volume.text_of("type") == Some("volume")
                && let Some(source) = volume.get("source")
            {
                let name = source.as_text().unwrap_or_default();
                if !name.is_empty() {
                    self.defined("volume", "volumes", name, &source.at, reading);
                }
            }
        }
        let used = [
            ("secret", "secrets", members(&["build", "secrets"])),
            ("config", "configs", members(&["configs"])),
            ("secret", "secrets", members(&["secrets"])),
        ];
        for (what, section, list) in used {
            for source in list.iter().filter_map(|member| member.get("source")) {
                let name = source.as_text().unwrap_or_default();
                self.defined(what, section, name, &source.at, reading);
            }
        }
        let models = self.service.get("models");
        for (model, node) in models.into_iter().flat_map(Node::entries) {
            self.defined("model", "models", model, node.key_spot(), reading);
        }
    }

    /// Values that are given in two ways must agree.
    fn limits(&self, reading: &mut Reading) {
        let replicas = self.service.find(&["deploy", "replicas"]);
        let scale = self.service.get("scale");
        self.agree("scale", scale, "deploy.replicas", replicas, reading);
        for (own, section, key) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            let deployed = self.service.find(&["deploy", "resources", section]);
            let there = deployed.and_then(|section| section.get(key));
            let name = format!("deploy.resources.{section}.{key}");
            self.agree(own, self.service.get(own), &name, there, reading);
        }
        let count = scale.or(replicas).and_then(Node::as_int).unwrap_or(1);
        if count > 1
            && let Some(name) = self.service.get("container_name")
        {
            let message = format!(
                "service {} has {count} containers, which cannot share one \"container_name\"",
                quoted(self.name)
            );
            reading
                .error(name.key_spot(), message)
                .help("remove \"container_name\"");
        }
    }

    fn agree(
        &self,
        own: &str,
        one: Option<&Node>,
        deployed: &str,
        other: Option<&Node>,
        reading: &mut Reading,
    ) {
        let (Some(one), Some(other)) = (one, other) else {
            return;
        };
        if one == other {
            return;
        }
        let message = format!(
            "service {}: \"{own}\" and \"{deployed}\" say different things",
            quoted(self.name)
        );
        let problem = reading.error(one.key_spot(), message);
        problem.help("keep one of them");
        if let Some(place) = other.key_spot().place() {
            problem.also(place, "the other one");
        }
    }

    fn watch(&self, reading: &mut Reading) {
        let rules = self.service.find(&["develop", "watch"]);
        for rule in rules.map(Node::members).unwrap_or_default() {
            let action = rule.text_of("action").unwrap_or_default();
            let is_bare = rule.text_of("target").is_none_or(str::is_empty);
            if is_bare && action.starts_with("sync") {
                let message = format!(
                    "service {}: to {action}, a watch rule needs a \"target\"",
                    quoted(self.name)
                );
                reading
                    .error(&rule.at, message)
                    .help("add \"target: /FOLDER/IN/THE/CONTAINER\"");
            }
        }
    }

    fn defined(&self, what: &str, section: &str, name: &str, at: &Spot, reading: &mut Reading) {
        if self.model.find(&[section, name]).is_none() {
            self.undefined(what, section, name, at, reading);
        }
    }

    fn undefined(&self, what: &str, section: &str, name: &str, at: &Spot, reading: &mut Reading) {
        let message = format!(
            "service {}: there is no {what} {}",
            quoted(self.name),
            quoted(name)
        );
        let known = self.model.get(section).and_then(Node::as_map);
        let names = known
            .into_iter()
            .flat_map(|map| map.keys().map(String::as_str));
        let names: Vec<&str> = names.filter(|known| *known != "default").collect();
        let help = suggest(name, names.iter().copied(), what).or_else(|| {
            Some(format!(
                "define it: \"{section}:\" with \"{name}:\" below it"
            ))
        });
        reading.error(at, message).help_if(help);
    }
}

/// Notes every circle of dependencies.
fn circles(model: &Node, reading: &mut Reading) {
    let mut done: Vec<&str> = Vec::new();
    let services = model.get("services");
    for (name, _) in services.into_iter().flat_map(Node::entries) {
        let mut trail = Vec::new();
        follow(model, name, &mut trail, &mut done, reading);
    }
}

fn follow<'m>(
    model: &'m Node,
    name: &'m str,
    trail: &mut Vec<(&'m str, &'m Node)>,
    done: &mut Vec<&'m str>,
    reading: &mut Reading,
) {
    if done.contains(&name) {
        return;
    }
    let dependencies = model.find(&["services", name, "depends_on"]);
    for (other, node) in dependencies.into_iter().flat_map(Node::entries) {
        trail.push((name, node));
        match trail.iter().position(|(known, _)| *known == other) {
            Some(start) => circle(trail.get(start..).unwrap_or_default(), other, reading),
            None => follow(model, other, trail, done, reading),
        }
        trail.pop();
    }
    done.push(name);
}

fn circle(ring: &[(&str, &Node)], first: &str, reading: &mut Reading) {
    let mut names: Vec<&str> = ring.iter().map(|(name, _)| *name).collect();
    names.push(first);
    let message = format!(
        "services wait for each other in a circle: {}",
        names.join(" → ")
    );
    let spot = ring.last().map(|(_, node)| node.key_spot().clone());
    let problem = reading.error(&spot.unwrap_or_default(), message);
    problem.help("remove one of these dependencies");
    for (name, node) in ring.iter().rev().skip(1) {
        if let Some(place) = node.key_spot().place() {
            problem.also(place, format!("{} waits here", quoted(name)));
        }
    }
}
