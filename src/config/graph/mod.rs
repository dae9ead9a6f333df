//! The service graph as a drawing or as data, for `boatyard graph`.

mod text;

use std::fmt::Write as _;

use serde_json::json;

use crate::stack::{Condition, Service, ServiceName, Stack};

/// How the graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A tree for a terminal.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// `{ "services": […], "edges": […] }`
    Json,
}

/// One arrow: `from` needs `to` or, without a condition, only calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge<'s> {
    from: &'s ServiceName,
    to: &'s ServiceName,
    /// What `to` must have reached before `from` starts; `None`: `from` calls it and does not wait.
    condition: Option<Condition>,
}

/// The graph of this stack, ending in a newline.
pub fn render(stack: &Stack, format: Format) -> String {
    match format {
        Format::Text => text::draw(stack),
        Format::Mermaid => mermaid(stack),
        Format::Dot => dot(stack),
        Format::Json => data(stack),
    }
}

/// Every arrow, in the order of the file.
fn edges(stack: &Stack) -> Vec<Edge<'_>> {
    stack
        .services
        .values()
        .flat_map(|service| edges_from(stack, service))
        .collect()
}

/// The arrows of one service: what it waits for, then what it only calls.
fn edges_from<'s>(stack: &'s Stack, service: &'s Service) -> Vec<Edge<'s>> {
    let waits = service.depends_on.iter().map(|(to, condition)| Edge {
        from: &service.name,
        to,
        condition: Some(*condition),
    });
    let mut found: Vec<Edge<'s>> = waits.collect();
    for to in service.callees() {
        if found.iter().all(|edge| edge.to != to) {
            found.push(Edge {
                from: &service.name,
                to,
                condition: None,
            });
        }
    }
    found.retain(|edge| stack.services.contains_key(edge.to));
    found
}

fn word(condition: Option<Condition>) -> &'static str {
    match condition {
        Some(Condition::Started) => "started",
        Some(Condition::Ready) => "ready",
        Some(Condition::Completed) => "completed",
        None => "calls",
    }
}

/// What a service is, in a word or two.
fn kind(stack: &Stack, service: &Service) -> String {
    let what = match (&service.build, &service.image) {
        (Some(_), _) => "build".to_owned(),
        (None, Some(image)) => image.clone(),
        (None, None) => "process".to_owned(),
    };
    if stack.is_job(&service.name) {
        format!("{what}, job")
    } else {
        what
    }
}

/// The front doors of a service, such as `:8080`.
fn doors(service: &Service) -> Vec<String> {
    let door = |port: &crate::stack::PortMapping| Some(format!(":{}", port.host?));
    service.ports.iter().filter_map(door).collect()
}

fn mermaid(stack: &Stack) -> String {
    let mut out = String::from("graph TD\n");
    for (index, service) in stack.services.values().enumerate() {
        let mut label = service.name.to_string();
        for line in std::iter::once(kind(stack, service)).chain(doors(service)) {
            let _ = write!(label, "<br/>{line}");
        }
        let label = label.replace('"', "#quot;");
        let _ = if stack.is_job(&service.name) {
            writeln!(out, "    n{index}([\"{label}\"])")
        } else {
            writeln!(out, "    n{index}[\"{label}\"]")
        };
    }
    for edge in edges(stack) {
        let number = |name: &ServiceName| stack.services.get_index_of(name).unwrap_or_default();
        let (from, to) = (number(edge.from), number(edge.to));
        let line = if edge.condition.is_some() {
            "-->"
        } else {
            "-.->"
        };
        let _ = writeln!(out, "    n{from} {line}|{}| n{to}", word(edge.condition));
    }
    out
}

fn dot(stack: &Stack) -> String {
    let quote = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = format!(
        "digraph {} {{\n    rankdir=TB;\n    node [shape=box];\n",
        quote(&stack.name)
    );
    for service in stack.services.values() {
        let mut lines = vec![service.name.to_string(), kind(stack, service)];
        lines.extend(doors(service));
        let label = quote(&lines.join("\n")).replace('\n', "\\n");
        let shape = if stack.is_job(&service.name) {
            ", shape=oval"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "    {} [label={label}{shape}];",
            quote(service.name.as_str())
        );
    }
    for edge in edges(stack) {
        let style = if edge.condition.is_some() {
            ""
        } else {
            ", style=dashed"
        };
        let (from, to) = (quote(edge.from.as_str()), quote(edge.to.as_str()));
        let _ = writeln!(
            out,
            "    {from} -> {to} [label=\"{}\"{style}];",
            word(edge.condition)
        );
    }
    out.push_str("}\n");
    out
}

fn data(stack: &Stack) -> String {
    let services: Vec<_> = stack
        .services
        .values()
        .map(|service| {
            let ports: Vec<_> = service.ports.iter().filter_map(|port| port.host).collect();
            json!({
                "name": service.name,
                "build": service.build.is_some(),
                "image": service.image,
                "run": service.run.as_ref().map(crate::stack::CommandWords::shown),
                "job": stack.is_job(&service.name),
                "replicas": service.replicas,
                "port": service.port(),
                "front_doors": ports,
                "health": service.health.is_some(),
            })
        })
        .collect();
    let edges: Vec<_> = edges(stack)
        .iter()
        .map(|edge| {
            json!({
                "from": edge.from,
                "to": edge.to,
                "kind": if edge.condition.is_some() { "depends_on" } else { "calls" },
                "condition": edge.condition.map(|condition| word(Some(condition))),
            })
        })
        .collect();
    let graph = json!({ "stack": stack.name, "services": services, "edges": edges });
    let mut text = serde_json::to_string_pretty(&graph).unwrap_or_default();
    text.push('\n');
    text
}
