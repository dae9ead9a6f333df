//! Fills the variables of every text of the stack file, before anything else reads it.

use super::interpolate::{self, Fault, FaultKind};
use super::problem::quoted;
use super::scope::Scope;
use super::tree::{Node, Span, Table, Value};

/// Fills in the variables of every value below this table. Keys are left alone.
pub(super) fn fill(table: &mut Table, scope: &mut Scope<'_>) {
    for entry in &mut table.entries {
        fill_node(&mut entry.node, scope);
    }
}

fn fill_node(node: &mut Node, scope: &mut Scope<'_>) {
    match &mut node.value {
        Value::Text(text) => {
            if !text.contains('$') {
                return;
            }
            let variables = scope.variables;
            let expansion = interpolate::expand(text, &|name| variables.get(name));
            for fault in &expansion.faults {
                tell(fault, &node.span, scope);
            }
            *text = expansion.text;
            node.expanded = expansion.expanded;
        }
        Value::List(nodes) => {
            for node in nodes {
                fill_node(node, scope);
            }
        }
        Value::Table(table) => fill(table, scope),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Moment(_) => {}
    }
}

fn tell(fault: &Fault, span: &Span, scope: &mut Scope<'_>) {
    let span = scope.source.find(&fault.expression, span);
    match &fault.kind {
        FaultKind::Unset { name } => {
            scope
                .warning(
                    &span,
                    format!("the variable \"{name}\" is not set; an empty text is used"),
                )
                .help(if name == "PORT" {
                    "write $$PORT to leave it to the service: each run gets its own".to_owned()
                } else {
                    format!("set it in the environment or in .env, or give a default: ${{{name}:-default}}")
                });
        }
        FaultKind::Required { name, why } => {
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {why}")
            };
            scope
                .error(&span, format!("the variable \"{name}\" is required{why}"))
                .help(format!(
                    "set {name} in the environment or in .env beside the stack file"
                ));
        }
        FaultKind::Malformed => {
            let message = format!("{} is not a variable", quoted(&fault.expression));
            scope.error(&span, message).help(
                "write ${NAME}, ${NAME:-default} or ${NAME:?why}; for a plain dollar write $$",
            );
        }
    }
}
