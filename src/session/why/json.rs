//! What `boatyard why --json` tells programs: one object a line for each path.

use serde_json::{Map, Value, json};

use super::{Answer, Deed, Meaning, PathStory, Story};
use crate::adapters::watch::{Exclusion, Ground, Why};
use crate::stack::{Runtime, ServiceName};

/// A line for each path.
pub(super) fn lines(story: &Story) -> String {
    let lines = story
        .paths
        .iter()
        .map(|path| format!("{}\n", line(story, path)));
    lines.collect()
}

fn line(story: &Story, path: &PathStory) -> Value {
    let services: Vec<Value> = path
        .answers
        .iter()
        .map(|answer| told(story, answer))
        .collect();
    let mut line = json!({
        "path": path.path,
        "reloads_stack": path.reloads,
        "services": services,
    });
    if path.answers.is_empty() && !path.reloads {
        line["watched"] = story.watched.iter().map(|at| watched(story, at)).collect();
    }
    line
}

fn told(story: &Story, answer: &Answer) -> Value {
    let mut told = Map::new();
    told.insert("service".into(), json!(answer.service));
    told.insert("runtime".into(), runtime(answer.runtime));
    match &answer.meaning {
        Meaning::Nothing => drop(told.insert("does".into(), json!("nothing"))),
        Meaning::Does {
            deed,
            ground: at,
            inferred,
        } => {
            told.insert("does".into(), json!(word(deed)));
            if let Deed::Sync { to, then } = deed {
                told.insert("target".into(), json!(to));
                told.insert("then".into(), json!(then));
            }
            if let Deed::Infer { to } = deed {
                told.insert("targets".into(), json!(to));
            }
            if let Some(words) = inferred {
                told.insert("inferred".into(), json!(words));
            }
            told.insert("because".into(), ground(story, &answer.service, at));
        }
        Meaning::LeftOut { by, entered } => {
            told.insert("does".into(), json!("nothing"));
            let by = by.iter().map(|(at, why)| {
                let mut by = exclusion(why);
                by["of"] = ground(story, &answer.service, at);
                by
            });
            told.insert("left_out".into(), by.collect());
            told.insert("entered".into(), json!(entered));
        }
    }
    Value::Object(told)
}

fn runtime(runtime: Option<Runtime>) -> Value {
    runtime.map_or(Value::Null, |runtime| json!(runtime))
}

fn word(deed: &Deed) -> &'static str {
    match deed {
        Deed::Rebuild => "rebuild",
        Deed::Restart => "restart",
        Deed::Sync { .. } => "sync",
        Deed::Infer { .. } => "infer",
        Deed::InPlace => "in-place",
    }
}

fn ground(story: &Story, service: &ServiceName, ground: &Ground) -> Value {
    let kind = match ground.why {
        Why::Rule(_) => "rule",
        Why::Dockerfile => "dockerfile",
        Why::IgnoreFile => "ignore-file",
        Why::Context => "context",
        Why::Folder => "folder",
    };
    let mut told = json!({ "kind": kind, "root": ground.root });
    if let Why::Rule(number) = ground.why {
        told["rule"] = json!(number);
        told["place"] = json!(story.place(service, number));
    }
    told
}

fn exclusion(why: &Exclusion) -> Value {
    match why {
        Exclusion::Temporary => json!({ "by": "editor" }),
        Exclusion::Git => json!({ "by": "git" }),
        Exclusion::FilledByTools(name) => json!({ "by": "tools", "folder": name }),
        Exclusion::Log => json!({ "by": "log" }),
        Exclusion::IgnoreFile => json!({ "by": "ignore-file" }),
        Exclusion::StackFile => json!({ "by": "stack-file" }),
        Exclusion::OtherService(other) => json!({ "by": "service", "service": other }),
        Exclusion::Line(line) => json!({
            "by": "line",
            "file": line.file,
            "line": line.line,
            "pattern": line.text,
        }),
        Exclusion::NotIncluded => json!({ "by": "include" }),
        Exclusion::Pattern(pattern) => json!({ "by": "pattern", "pattern": pattern }),
    }
}

fn watched(story: &Story, at: &(ServiceName, Option<Runtime>, Vec<Ground>)) -> Value {
    let (name, as_what, grounds) = at;
    let grounds: Vec<Value> = grounds.iter().map(|at| ground(story, name, at)).collect();
    json!({ "service": name, "runtime": runtime(*as_what), "at": grounds })
}
