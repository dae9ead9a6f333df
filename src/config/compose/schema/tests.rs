//! The tables know what the specification's own schema knows.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Rule, Section, sections};
use crate::corpus::corpus;

/// Keys that are newer than the schema.
const NEWER: &[&str] = &["services.*.pre_start"];

#[test]
fn every_key_of_the_schema_is_known_and_no_other() {
    let Some(file) = corpus("compose-schema/compose-spec.json") else {
        return;
    };
    let text = fs::read_to_string(file).expect("the schema can be read");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let (mut theirs, mut ours) = (BTreeSet::new(), BTreeSet::new());
    keys_of_schema(&schema, &schema, "", &mut theirs);
    keys_of_section(&sections::FILE, "", &mut ours);
    ours.retain(|key: &String| !NEWER.iter().any(|newer| key.starts_with(newer)));
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let added: Vec<_> = ours.difference(&theirs).collect();
    assert!(
        missing.is_empty() && added.is_empty(),
        "missing: {missing:#?}\nadded: {added:#?}"
    );
}

/// Every key that a schema names, with the keys that lead to it.
fn keys_of_schema(schema: &Value, root: &Value, path: &str, out: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root
            .pointer(name.trim_start_matches('#'))
            .expect("it is defined");
        keys_of_schema(target, root, path, out);
    }
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        keys_of_schema(one, root, path, out);
    }
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        out.insert(path.trim_start_matches('.').to_owned());
        keys_of_schema(below, root, &path, out);
    }
    for (pattern, below) in schema["patternProperties"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if pattern != "^x-" {
            keys_of_schema(below, root, &format!("{path}.*"), out);
        }
    }
    if schema["items"].is_object() {
        keys_of_schema(&schema["items"], root, path, out);
    }
}

fn keys_of_section(section: &Section, path: &str, out: &mut BTreeSet<String>) {
    for (key, rule) in section.keys {
        let path = format!("{path}.{key}");
        out.insert(path.trim_start_matches('.').to_owned());
        keys_of_rule(rule, &path, out);
    }
}

fn keys_of_rule(rule: &Rule, path: &str, out: &mut BTreeSet<String>) {
    match rule {
        Rule::Section(section) => keys_of_section(section, path, out),
        Rule::List(member) | Rule::Unique(member) => keys_of_rule(member, path, out),
        Rule::Free(member) | Rule::Named(member) => keys_of_rule(member, &format!("{path}.*"), out),
        Rule::Either(rules) => rules.iter().for_each(|rule| keys_of_rule(rule, path, out)),
        _ => {}
    }
}
