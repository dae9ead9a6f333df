//! What `boatyard why` tells people.

use super::{Answer, Deed, Meaning, PathStory, Story};
use crate::adapters::watch::{Exclusion, Ground, Why};
use crate::stack::{Runtime, ServiceName, Then};
use crate::text;

/// The whole answer, harmless to a terminal whatever files are called.
pub(super) fn lines(story: &Story) -> String {
    let width = story
        .watched
        .iter()
        .map(|(name, _, _)| text::width(name.as_str()))
        .max()
        .unwrap_or(0);
    let mut lines = Vec::new();
    for path in &story.paths {
        lines.push(story.shown(&path.path));
        lines.extend(about(story, path, width));
    }
    let is_unknown = |path: &PathStory| path.answers.is_empty() && !path.reloads;
    if story.paths.iter().any(is_unknown) {
        lines.push("watched are:".into());
        lines.extend(watched(story, width));
    }
    let harmless = lines.iter().map(|line| text::plain(line.as_bytes()) + "\n");
    harmless.collect()
}

fn about(story: &Story, path: &PathStory, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = path
        .answers
        .iter()
        .map(|answer| {
            let name = text::pad(answer.service.as_str(), width);
            format!("  {name}  {}", sentence(story, answer))
        })
        .collect();
    if path.reloads {
        lines.push("  the stack is read again, and what differs is applied".into());
    } else if lines.is_empty() {
        lines.push("  nothing watches it".into());
    }
    lines
}

fn sentence(story: &Story, answer: &Answer) -> String {
    let runtime = qualified(answer.runtime);
    match &answer.meaning {
        Meaning::Nothing => format!("does not look there{runtime}"),
        Meaning::Does {
            deed,
            ground,
            inferred,
        } => {
            let ground = grounds(story, &answer.service, ground);
            let inferred = inferred.as_ref().map(|words| format!("; {words}"));
            let inferred = inferred.unwrap_or_default();
            format!("{}{runtime}: {ground}{inferred}", done(deed))
        }
        Meaning::LeftOut { by, entered } => {
            let reasons: Vec<String> = by
                .iter()
                .map(|(ground, why)| excluded(story, &answer.service, ground, why))
                .collect();
            let entered = if *entered {
                "; something in it may count all the same"
            } else {
                ""
            };
            format!("leaves it alone{runtime}: {}{entered}", reasons.join("; "))
        }
    }
}

fn qualified(runtime: Option<Runtime>) -> &'static str {
    match runtime {
        None => "",
        Some(Runtime::Container) => " (as a container)",
        Some(Runtime::Process) => " (as a process)",
    }
}

fn done(deed: &Deed) -> String {
    match deed {
        Deed::Rebuild => "is rebuilt".into(),
        Deed::Restart => "is restarted".into(),
        Deed::Infer { to } => format!(
            "gets it as {} and is restarted, while its image is built",
            to.join(" and ")
        ),
        Deed::InPlace => "uses it where it is, and nothing is done".into(),
        Deed::Sync { to, then } => {
            let then = match then {
                Then::Nothing => String::new(),
                Then::Restart => ", then is restarted".into(),
                Then::Exec(hook) => format!(", then runs {}", hook.command.shown()),
                Then::Signal(signal) => format!(", then gets {}", signal.0),
            };
            format!("gets it as {to}{then}")
        }
    }
}

fn grounds(story: &Story, service: &ServiceName, ground: &Ground) -> String {
    let root = story.shown(&ground.root);
    match ground.why {
        Why::Rule(number) => {
            let place = story.place(service, number);
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            format!("watch rule {number}{place}, path {root}")
        }
        Why::Dockerfile => "its image is made by it".into(),
        Why::IgnoreFile => "it says what its build context leaves out".into(),
        Why::Context => format!("its build context, {root}"),
        Why::Folder => format!("its folder, {root}"),
    }
}

fn excluded(story: &Story, service: &ServiceName, ground: &Ground, why: &Exclusion) -> String {
    let of = match ground.why {
        Why::Rule(number) => {
            let place = story.place(service, number);
            place.map_or_else(
                || format!("watch rule {number}"),
                |place| format!("watch rule {number} ({place})"),
            )
        }
        Why::Context => "its build context".into(),
        Why::Folder | Why::Dockerfile | Why::IgnoreFile => "its folder".into(),
    };
    match why {
        Exclusion::Temporary => "it is named like an editor's own file (built in)".into(),
        Exclusion::Git => "it is git's own (built in)".into(),
        Exclusion::FilledByTools(name) => {
            format!("folders named {name} are filled by tools (built in)")
        }
        Exclusion::Log => "it is named like a log (built in)".into(),
        Exclusion::IgnoreFile => "it holds ignore rules, which are read again".into(),
        Exclusion::StackFile => "the stack is read again instead".into(),
        Exclusion::OtherService(other) => format!("{other} answers for it"),
        Exclusion::Line(line) => format!(
            "{}:{} keeps it out of {of}: {}",
            story.shown(&line.file),
            line.line,
            line.text
        ),
        Exclusion::NotIncluded => format!("none of the patterns that {of} includes matches it"),
        Exclusion::Pattern(pattern) => format!("{of} leaves out {pattern}"),
    }
}

/// Where services look; files that lie in a context that is listed anyway are left out.
fn watched(story: &Story, width: usize) -> Vec<String> {
    let line = |(name, runtime, at): &(ServiceName, Option<Runtime>, Vec<Ground>)| {
        let context = at.iter().find(|ground| ground.why == Why::Context);
        let is_told = |ground: &&Ground| match ground.why {
            Why::Dockerfile => context.is_none_or(|all| !ground.root.starts_with(&all.root)),
            Why::IgnoreFile => false,
            Why::Rule(_) | Why::Context | Why::Folder => true,
        };
        let told: Vec<String> = at
            .iter()
            .filter(is_told)
            .map(|ground| story.root(ground))
            .collect();
        let told = if told.is_empty() {
            "nothing".into()
        } else {
            told.join(", ")
        };
        let name = text::pad(name.as_str(), width);
        format!("  {name}  {told}{}", qualified(*runtime))
    };
    story.watched.iter().map(line).collect()
}

impl Story {
    fn root(&self, ground: &Ground) -> String {
        let root = self.shown(&ground.root);
        match ground.why {
            Why::Rule(number) => format!("{root} (watch rule {number})"),
            Why::Context => format!("{root} (build context)"),
            Why::Dockerfile | Why::IgnoreFile => root,
            Why::Folder => format!("{root} (folder)"),
        }
    }
}
