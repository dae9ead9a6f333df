//! TOML text into the [`Node`] tree, with every syntax error in its place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};
use super::source::Source;
use super::tree::{Entry, Node, Span, Table, Value};

/// A parsed file.
pub(super) struct Parsed {
    /// The tree; what could not be read is left out of it.
    pub(super) table: Table,
    /// Lines with a syntax error: what else is said about them is probably wrong.
    pub(super) broken_lines: Vec<usize>,
    /// Whether a `[table]` header is broken, so that the keys below it stand in the wrong table.
    pub(super) misplaced: bool,
}

/// The tree of this file, and its syntax errors in `problems`.
pub(super) fn parse(source: &Source, problems: &mut Vec<Problem>) -> Parsed {
    let (tree, errors) = DeTable::parse_recoverable(&source.text);
    let found: Vec<Problem> = errors
        .iter()
        .map(|error| syntax_problem(source, error))
        .collect();
    let is_header = |place: &Place| place.line_text.trim_start().starts_with('[');
    let is_duplicate = |problem: &Problem| problem.message.ends_with("is given twice");
    let broken = found.iter().filter_map(|problem| problem.place.as_ref());
    let broken_lines = broken.map(|place| place.line).collect();
    let misplaced = found
        .iter()
        .filter(|problem| !is_duplicate(problem))
        .any(|problem| problem.place.as_ref().is_some_and(is_header));
    problems.extend(found);
    Parsed {
        table: convert_table(tree.get_ref(), source, problems),
        broken_lines,
        misplaced,
    }
}

fn syntax_problem(source: &Source, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().trim().replace('\n', "; ");
    let raw = source.text.get(span.clone()).unwrap_or("").trim();
    if message == "duplicate key" && !raw.is_empty() {
        return duplicate(source, &span, raw);
    }
    Problem::error(
        Some(source.place(&span)),
        format!("not valid TOML: {message}"),
    )
}

fn duplicate(source: &Source, span: &Span, raw: &str) -> Problem {
    let message = format!("the key \"{}\" is given twice", raw.trim_matches('"'));
    let mut problem = Problem::error(Some(source.place(span)), message);
    problem.help("remove one of the two, or join them");
    problem
}

fn convert_table(table: &DeTable<'_>, source: &Source, problems: &mut Vec<Problem>) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: convert(value, source, problems),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn convert(value: &Spanned<DeValue<'_>>, source: &Source, problems: &mut Vec<Problem>) -> Node {
    let span = value.span();
    let converted = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            if parsed.is_err() {
                let message = format!("the number {number} is too large");
                problems.push(Problem::error(Some(source.place(&span)), message));
            }
            Value::Integer(parsed.unwrap_or_default())
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or_default()),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|item| convert(item, source, problems))
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, source, problems)),
    };
    Node::new(converted, span)
}
