//! Single values with the answer of Compose's reference implementation, where that table is at hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{FormError, bytes, dotenv, duration, interpolate, ports, volume, words};
use crate::corpus::corpus;

/// Compares every row of a table but the `excepted`: our answer must be the same, or an error where there is one.
fn check(
    file: &str,
    excepted: impl Fn(&Row) -> bool,
    ours: impl Fn(&Row) -> Result<Value, FormError>,
) {
    let Some(table) = corpus(&format!("compose-micro/{file}")) else {
        return;
    };
    let text = std::fs::read_to_string(table).unwrap();
    let rows: Vec<Row> = text.lines().map(Row::read).collect();
    assert!(rows.len() > 10, "{file} is nearly empty");
    let mut wrong = Vec::new();
    for row in rows.iter().filter(|row| !excepted(row)) {
        let answer = ours(row);
        let same = match (&answer, &row.answer) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            (Err(ours), Err(theirs)) => !theirs.starts_with("required") || ours.message == *theirs,
            _ => false,
        };
        if !same {
            wrong.push(format!(
                "{:?}\n  ours   {answer:?}\n  theirs {:?}",
                row.text, row.answer
            ));
        }
    }
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} of {} differ\n{}",
        rows.len(),
        wrong.join("\n")
    );
}

struct Row {
    text: String,
    variables: BTreeMap<String, String>,
    answer: Result<Value, String>,
}

impl Row {
    fn read(line: &str) -> Self {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let answer = match row.get("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(row["out"].take()),
        };
        Self {
            text: row["in"].as_str().unwrap().to_owned(),
            variables: serde_json::from_value(row["env"].take()).unwrap_or_default(),
            answer,
        }
    }

    fn lookup(&self) -> impl Fn(&str) -> Option<String> {
        |name| self.variables.get(name).cloned()
    }
}

fn none(_: &Row) -> bool {
    false
}

#[test]
fn variables_are_filled_in_as_by_the_reference() {
    // In a few answers of the table the name of a registry was replaced after the fact: they do not answer their row.
    let replaced = |row: &Row| {
        let answer = row.answer.as_ref().ok().and_then(Value::as_str);
        answer.is_some_and(|text| text.contains(".example/")) && !row.text.contains(".example/")
    };
    check("interp.jsonl", replaced, |row| {
        interpolate(&row.text, &row.lookup()).map(Value::from)
    });
}

#[test]
fn dotenv_files_are_read_as_by_the_reference() {
    // The reference drops a byte order mark when it opens a file, which happened to none of these texts.
    let marked = |row: &Row| row.text.starts_with('\u{feff}');
    check("dotenv.jsonl", marked, |row| {
        let values = dotenv(&row.text, &row.lookup())?;
        let known = values.into_iter().filter_map(|(name, value)| {
            let value = value.or_else(|| row.variables.get(&name).cloned())?;
            Some((name, Value::from(value)))
        });
        Ok(Value::Object(known.collect()))
    });
}

#[test]
fn ports_are_read_as_by_the_reference() {
    check("port.jsonl", none, |row| ports(&row.text).map(Value::from));
}

#[test]
fn volumes_are_read_as_by_the_reference() {
    check("volume.jsonl", none, |row| volume(&row.text));
}

#[test]
fn command_lines_are_split_as_by_the_reference() {
    check("words.jsonl", none, |row| words(&row.text).map(Value::from));
}

#[test]
fn durations_are_read_as_by_the_reference() {
    check("duration.jsonl", none, |row| {
        let time = duration(&row.text)?;
        Ok(u64::try_from(time.as_nanos()).unwrap().into())
    });
}

#[test]
fn sizes_are_read_as_by_the_reference() {
    check("bytes.jsonl", none, |row| {
        bytes(&row.text).map(|bytes| json!(bytes))
    });
}
