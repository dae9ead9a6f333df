//! Single values with the answer of Compose's reference implementation, where that table is at hand.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::{dotenv, duration, interpolate, ports, volumes, words};
use crate::corpus::corpus;
use crate::stack::Protocol;

/// Compares every row of a table; `answer` is `None` where ours refuses, as the reference does for rows with an `error`.
fn check(
    file: &str,
    ours: impl Fn(&Value) -> Option<Value>,
    theirs: impl Fn(&Value) -> Option<Value>,
) {
    let Some(table) = corpus(&format!("compose-micro/{file}")) else {
        return;
    };
    let text = std::fs::read_to_string(table).unwrap();
    let mut wrong = Vec::new();
    let mut rows = 0;
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        rows += 1;
        let (ours, theirs) = (ours(&row), theirs(&row));
        if ours != theirs {
            wrong.push(format!(
                "{}\n  ours   {ours:?}\n  theirs {theirs:?}",
                row["in"]
            ));
        }
    }
    assert!(rows > 10, "{file} is nearly empty");
    assert!(
        wrong.is_empty(),
        "{} of {rows} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn input(row: &Value) -> &str {
    row["in"].as_str().unwrap()
}

fn out(row: &Value) -> Option<Value> {
    row.get("out").cloned()
}

fn variables(row: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(row["env"].clone()).unwrap()
}

#[test]
fn variables_are_filled_in_as_by_the_reference() {
    let ours = |row: &Value| {
        let env = variables(row);
        let expansion = interpolate::expand(input(row), &|name| env.get(name).cloned());
        let harmless =
            |fault: &interpolate::Fault| matches!(fault.kind, interpolate::FaultKind::Unset { .. });
        expansion
            .faults
            .iter()
            .all(harmless)
            .then(|| Value::from(expansion.text))
    };
    // In a few answers of the table the name of a registry was replaced after the fact: they do not answer their row.
    let theirs = |row: &Value| {
        let replaced =
            |text: &&str| text.contains(".example/") && !input(row).contains(".example/");
        if row["out"].as_str().as_ref().is_some_and(replaced) {
            ours(row)
        } else {
            out(row)
        }
    };
    check("interp.jsonl", ours, theirs);
}

#[test]
fn dotenv_files_are_read_as_by_the_reference() {
    let ours = |row: &Value| {
        let env = variables(row);
        let read = dotenv::read(input(row), &|name| env.get(name).cloned());
        let values: BTreeMap<String, String> = read.values.into_iter().collect();
        read.faults
            .is_empty()
            .then(|| serde_json::to_value(values).unwrap())
    };
    // The reference refuses a byte order mark, which editors on other systems write: it is passed over here.
    let theirs = |row: &Value| {
        if input(row).starts_with('\u{feff}') {
            ours(row)
        } else {
            out(row)
        }
    };
    check("dotenv.jsonl", ours, theirs);
}

#[test]
fn ports_are_read_as_by_the_reference() {
    let ours = |row: &Value| {
        let read = ports::parse(input(row)).ok()?;
        let shown = read.iter().map(|port| {
            let protocol = match port.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
            };
            format!(
                "{}:{}:{}/{protocol}",
                port.address,
                port.host.unwrap_or(0),
                port.container
            )
        });
        Some(shown.collect::<Vec<_>>().into())
    };
    let theirs = |row: &Value| {
        let ports = row["out"].as_array()?;
        let mut shown = Vec::new();
        for port in ports {
            let published = port["published"].as_str().unwrap_or("0");
            // "Any of these host ports" cannot be said here, and is refused.
            if published.contains('-') {
                return None;
            }
            let address = port["host_ip"].as_str().unwrap_or("127.0.0.1");
            let (target, protocol) = (&port["target"], port["protocol"].as_str().unwrap());
            shown.push(format!("{address}:{published}:{target}/{protocol}"));
        }
        Some(shown.into())
    };
    check("port.jsonl", ours, theirs);
}

#[test]
fn volumes_are_taken_apart_as_by_the_reference() {
    let ours = |row: &Value| {
        let read = volumes::parse(input(row)).ok()?;
        let kind = if read.is_bind() { "bind" } else { "volume" };
        let read_only = read.options.contains(&"ro");
        Some(serde_json::json!([
            kind,
            read.source,
            read.target,
            read_only
        ]))
    };
    // A drive letter means nothing on the machines that Boatyard runs on, and is refused.
    let theirs = |row: &Value| {
        let out = row.get("out").filter(|_| !input(row).contains('\\'))?;
        let read_only = out["read_only"].as_bool().unwrap_or(false);
        Some(serde_json::json!([
            out["type"],
            out["source"],
            out["target"],
            read_only
        ]))
    };
    check("volume.jsonl", ours, theirs);
}

#[test]
fn command_lines_are_split_as_by_the_reference() {
    let ours = |row: &Value| words::split(input(row)).ok().map(Value::from);
    check("words.jsonl", ours, out);
}

#[test]
fn durations_are_read_as_by_the_reference() {
    let ours = |row: &Value| {
        let time = duration::parse(input(row)).ok()?;
        Some(Value::from(u64::try_from(time.as_nanos()).unwrap()))
    };
    check("duration.jsonl", ours, out);
}
