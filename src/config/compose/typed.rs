//! The last step for single values: each becomes what it is, in the form in which Compose shows it.

use super::super::problem::quoted;
use super::fill::{cast, single};
use super::forms;
use super::kinds::{EARLY, Kind, LATE};
use super::merge::{hosts, into_members};
use super::node::{Map, Node, Value};
use super::path::{MEMBER, Path};
use super::reading::Reading;

/// Gives every value of this model its form.
pub(super) fn settle(model: &mut Node, reading: &mut Reading) {
    settle_node(model, Path::TOP, reading);
}

fn settle_node(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    let kind = path.look_up(LATE).or_else(|| path.look_up(EARLY));
    if let Some(kind) = kind {
        settle_value(node, kind, path, reading);
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, member) in map {
                if !key.starts_with("x-") || path.is("services") {
                    settle_node(member, path.then(key), reading);
                }
            }
        }
        Value::List(members) => {
            for member in members {
                settle_node(member, path.then(MEMBER), reading);
            }
        }
        _ => {}
    }
}

fn settle_value(node: &mut Node, kind: Kind, path: Path<'_>, reading: &mut Reading) {
    match kind {
        Kind::Bool | Kind::Int | Kind::Count | Kind::Mode => {
            cast(node, kind, path, reading);
            whole(node);
        }
        Kind::Float => {
            cast(node, kind, path, reading);
            if let Value::Float(number) = node.value {
                node.value = Value::Float(single(number));
            }
            whole(node);
        }
        Kind::Bytes => bytes(node, path, reading),
        Kind::Duration => duration(node, path, reading),
        Kind::Command => command(node, path, reading),
        Kind::Test => test(node, path, reading),
        Kind::Texts => texts(node),
        Kind::Labels => each_text(node, true),
        Kind::Variables => each_text(node, false),
        Kind::Hosts => addresses(node, path, reading),
        Kind::Lists => {
            for list in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
                let at = list.at.clone();
                let members = into_members(std::mem::take(list));
                *list = Node::new(Value::List(members), &at);
                texts(list);
            }
        }
        Kind::Text => to_text(node),
    }
}

/// A number without a fraction is a whole number.
fn whole(node: &mut Node) {
    const MOST: f64 = 9_007_199_254_740_992.0;
    if let Value::Float(number) = node.value
        && number.fract() == 0.0
        && number.abs() < MOST
    {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough")]
        let number = number as i64;
        node.value = Value::Int(number);
    }
}

fn to_text(node: &mut Node) {
    if let Some(text) = node.scalar() {
        node.value = Value::Text(text);
    }
}

/// A list of texts, of one text too.
fn texts(node: &mut Node) {
    if node.as_text().is_some() {
        let member = Node::new(node.value.clone(), &node.at);
        node.value = Value::List(vec![member]);
    }
    if let Value::List(members) = &mut node.value {
        members.iter_mut().for_each(to_text);
    }
}

/// Every value a text; one that is missing is empty, if it is to be `filled`.
fn each_text(node: &mut Node, filled: bool) {
    for value in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
        if value.is_null() && filled {
            value.value = Value::Text(String::new());
        }
        to_text(value);
    }
}

fn bytes(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    whole(node);
    let Some(text) = node.as_text() else {
        to_text(node);
        return;
    };
    match forms::bytes(text) {
        Ok(count) => node.value = Value::Text(count.to_string()),
        Err(error) => reading.form_error(node, &path.words(), error),
    }
}

fn duration(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    let Some(text) = node.as_text() else { return };
    match forms::duration(text) {
        Ok(time) => node.value = Value::Text(forms::duration_words(time)),
        Err(error) => reading.form_error(node, &path.words(), error),
    }
}

fn command(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    let Some(text) = node.as_text() else { return };
    match forms::words(text) {
        Ok(words) => {
            if let Some(end) = forms::words_end(text) {
                let dropped = &text[end..];
                let message = format!(
                    "{}: the command ends before {}",
                    path.words(),
                    quoted(dropped.trim_end())
                );
                reading.warning(&node.at.part(dropped), message).help(
                    "no shell runs it, and Compose drops the rest; write [\"sh\", \"-c\", \"…\"]",
                );
            }
            let words = words.into_iter().map(|word| Node::text(word, &node.at));
            node.value = Value::List(words.collect());
        }
        Err(error) => reading.form_error(node, &path.words(), error),
    }
}

fn test(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    const WAYS: [&str; 3] = ["CMD", "CMD-SHELL", "NONE"];
    if let Some(text) = node.as_text() {
        let line = Node::text(text, &node.at);
        node.value = Value::List(vec![Node::text("CMD-SHELL", &node.at), line]);
        return;
    }
    let Some(first) = node.members().first() else {
        return;
    };
    let way = first.as_text().unwrap_or_default();
    if !WAYS.contains(&way) {
        let message = format!("{}: a list cannot begin with {}", path.words(), quoted(way));
        reading.error(&first.at.clone(), message).help(
            "begin it with \"CMD\", \"CMD-SHELL\" or \"NONE\", or write a string for a shell",
        );
    }
}

/// `HOST=ADDRESS`, sorted; `HOST:ADDRESS` is an older way to write it.
fn addresses(node: &mut Node, path: Path<'_>, reading: &mut Reading) {
    let Value::List(members) = hosts(std::mem::take(node)).value else {
        return;
    };
    let mut found: Vec<Node> = Vec::new();
    for member in members {
        let text = member.as_text().unwrap_or_default();
        let split = text.split_once('=').or_else(|| text.split_once(':'));
        let Some((host, address)) =
            split.filter(|(host, _)| !host.is_empty() && !host.contains(':'))
        else {
            let message = format!("{}: {} is no host and address", path.words(), quoted(text));
            reading
                .error(&member.at, message)
                .help("write \"HOST=ADDRESS\"");
            continue;
        };
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let line = format!("{host}={}", bare.unwrap_or(address));
        let line = Node::text(line, &member.at);
        if !found.contains(&line) {
            found.push(line);
        }
    }
    found.sort_by(|one, other| one.as_text().cmp(&other.as_text()));
    node.value = Value::List(found);
}
