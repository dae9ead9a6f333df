//! The graph as a tree for a terminal: each service that nobody needs is a root, and below it stands what it needs.
//!
//! ```text
//! shop · 5 services, 2 of them jobs
//!
//! web  build  :8080  health
//! ├─ orders  build  ready
//! │  ├─ payments  process  ready
//! │  └─ seed  process, job  completed
//! └╌ db ↑  calls
//! ```
//!
//! A service that was drawn before is named again with `↑`, without what it needs.

use std::collections::BTreeSet;

use crate::stack::{Service, ServiceName, Stack};

use super::edges::{Edge, doors, edges, edges_from, kind, word};

/// The whole drawing.
pub(super) fn draw(stack: &Stack) -> String {
    let mut pen = Pen {
        stack,
        drawn: BTreeSet::new(),
        rows: Vec::new(),
    };
    let all = edges(stack);
    let needed: BTreeSet<&ServiceName> = all.iter().map(|edge| edge.to).collect();
    let roots = stack.services.keys().filter(|name| !needed.contains(name));
    for root in roots {
        pen.root(root);
    }
    // Services that only call each other in a ring have no root among them.
    for name in stack.services.keys() {
        if !pen.drawn.contains(name) {
            pen.root(name);
        }
    }
    format!("{}\n\n{}", summary(stack), pen.finish())
}

fn summary(stack: &Stack) -> String {
    let count = stack.services.len();
    let jobs = stack
        .services
        .keys()
        .filter(|name| stack.is_job(name))
        .count();
    let services = if count == 1 { "service" } else { "services" };
    let jobs = match jobs {
        0 => String::new(),
        1 => ", 1 of them a job".into(),
        jobs => format!(", {jobs} of them jobs"),
    };
    format!("{} · {count} {services}{jobs}", stack.name)
}

/// One row: the branch and the name, then columns.
struct Row {
    branch: String,
    columns: [String; 3],
}

struct Pen<'s> {
    stack: &'s Stack,
    drawn: BTreeSet<&'s ServiceName>,
    rows: Vec<Row>,
}

impl<'s> Pen<'s> {
    fn root(&mut self, name: &'s ServiceName) {
        if let Some(service) = self.stack.services.get(name) {
            self.row(name.to_string(), service, String::new());
            self.below(service, "");
        }
    }

    fn row(&mut self, branch: String, service: &Service, condition: String) {
        let mut facts = doors(service);
        if service.replicas > 1 {
            facts.push(format!("×{}", service.replicas));
        }
        if service.health.is_some() {
            facts.push("health".into());
        }
        self.rows.push(Row {
            branch,
            columns: [condition, kind(self.stack, service), facts.join(" ")],
        });
    }

    fn below(&mut self, service: &'s Service, indent: &str) {
        if !self.drawn.insert(&service.name) {
            return;
        }
        let edges = edges_from(self.stack, service);
        for (index, edge) in edges.iter().enumerate() {
            self.edge(edge, index + 1 == edges.len(), indent);
        }
    }

    fn edge(&mut self, edge: &Edge<'s>, last: bool, indent: &str) {
        let Some(service) = self.stack.services.get(edge.to) else {
            return;
        };
        let corner = if last { '└' } else { '├' };
        let line = if edge.condition.is_some() {
            '─'
        } else {
            '╌'
        };
        let seen = self.drawn.contains(edge.to);
        let has_more = seen && !edges_from(self.stack, service).is_empty();
        let mark = if has_more { " ↑" } else { "" };
        let branch = format!("{indent}{corner}{line} {}{mark}", edge.to);
        self.row(branch, service, word(edge.condition).into());
        if !seen {
            let indent = format!("{indent}{}", if last { "   " } else { "│  " });
            self.below(service, &indent);
        }
    }

    /// The rows with their columns under each other.
    fn finish(self) -> String {
        let width = |text: &str| text.chars().count();
        let widest = |column: fn(&Row) -> &str| {
            let widths = self.rows.iter().map(|row| width(column(row)));
            widths.max().unwrap_or(0)
        };
        let branch = widest(|row| &row.branch);
        let first = widest(|row| &row.columns[0]);
        let second = widest(|row| &row.columns[1]);
        let mut out = String::new();
        for row in &self.rows {
            let [condition, kind, facts] = &row.columns;
            let line = format!(
                "{:branch$}  {condition:first$}  {kind:second$}  {facts}",
                row.branch
            );
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}
