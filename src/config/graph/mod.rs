//! The service graph as a drawing or as data, for `boatyard graph`.

mod edges;
mod text;

use std::fmt::Write as _;

use serde_json::json;

use crate::stack::{CommandWords, ServiceName, Stack};

use edges::{doors, edges, kind, word};

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

/// The graph of this stack, ending in a newline.
pub fn render(stack: &Stack, format: Format) -> String {
    match format {
        Format::Text => text::draw(stack),
        Format::Mermaid => mermaid(stack),
        Format::Dot => dot(stack),
        Format::Json => data(stack),
    }
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
                "run": service.run.as_ref().map(CommandWords::shown),
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
