//! `depends_on`: what a service needs before it starts.

use crate::stack::Condition;

use super::item::Item;
use super::scope::Scope;
use super::tree::{Span, Value};

/// One edge of the graph as the file gives it.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    /// The service that is needed.
    pub(super) to: String,
    /// What it must have reached.
    pub(super) condition: Condition,
    /// Whether a service that is not there is a problem.
    pub(super) required: bool,
    /// Whether the service is restarted when what it needs was replaced.
    pub(super) restart: bool,
    /// Where its name stands.
    pub(super) span: Span,
}

/// Our words, then Compose's.
const CONDITIONS: [(&str, Condition); 6] = [
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("completed", Condition::Completed),
    ("service_started", Condition::Started),
    ("service_healthy", Condition::Ready),
    ("service_completed_successfully", Condition::Completed),
];

/// A list of names, or a table of names and conditions.
pub(super) fn read(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<Edge> {
    match &item.node.value {
        Value::Table(_) => {
            let entries = item.entries(scope).unwrap_or_default();
            entries
                .into_iter()
                .filter_map(|(name, item)| entry(name, &item, scope))
                .collect()
        }
        Value::List(_) => {
            let members = item.list(scope).unwrap_or_default();
            members
                .iter()
                .filter_map(|member| {
                    Some(Edge {
                        to: member.filled_text(scope)?.to_owned(),
                        condition: Condition::Ready,
                        required: true,
                        restart: false,
                        span: member.span().clone(),
                    })
                })
                .collect()
        }
        _ => {
            item.expected(
                "a list of services, or a table such as { db = \"ready\" }",
                scope,
            );
            Vec::new()
        }
    }
}

fn entry(name: &str, item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Edge> {
    let mut edge = Edge {
        to: name.to_owned(),
        condition: Condition::Ready,
        required: true,
        restart: false,
        span: item.key_span.clone(),
    };
    if item.as_table().is_none() {
        edge.condition = item.choice(&CONDITIONS, scope)?;
        return Some(edge);
    }
    let mut section = item.section(item.what.clone(), scope)?;
    let condition = section.take("condition");
    let required = section
        .take("required")
        .and_then(|item| item.boolean(scope));
    let restart = section.take("restart").and_then(|item| item.boolean(scope));
    section.finish(&[], scope);
    edge.required = required.unwrap_or(true);
    edge.restart = restart.unwrap_or(false);
    if let Some(condition) = condition {
        edge.condition = condition.choice(&CONDITIONS, scope)?;
    }
    Some(edge)
}
