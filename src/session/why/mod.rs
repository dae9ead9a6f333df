//! `boatyard why`: which service and rule a path belongs to and what saving it does, or what leaves it out. Nothing runs for
//! it and no session is asked: the stack file is read, and the watcher's own plan answers.

mod json;
mod words;

use std::path::{Path, PathBuf};

use super::{Failure, inspect};
use crate::adapters::watch::{Exclusion, Explained, Explanation, Ground, Verdict, explain};
use crate::cli::{Global, RuntimeArg, Why};
use crate::config::Place;
use crate::engine::Action;
use crate::report;
use crate::stack::{Runtime, Service, ServiceName, Stack, Then};

/// What is to be told.
struct Story {
    paths: Vec<PathStory>,
    /// Where each service looks, and as what if that makes a difference.
    watched: Vec<(ServiceName, Option<Runtime>, Vec<Ground>)>,
    /// Where watch rules stand in the stack file, in the order of each service's rules.
    rules: Vec<(ServiceName, Place)>,
    /// The folder to which shown paths are relative.
    here: PathBuf,
}

/// What is to be told about one path.
struct PathStory {
    path: PathBuf,
    reloads: bool,
    answers: Vec<Answer>,
}

/// What a path means to one service.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    service: ServiceName,
    /// What it runs as, if another one would give another answer.
    runtime: Option<Runtime>,
    meaning: Meaning,
}

/// What saving a path does to a service.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Does {
        deed: Deed,
        ground: Ground,
        inferred: Option<String>,
    },
    LeftOut {
        by: Vec<(Ground, Exclusion)>,
        entered: bool,
    },
    /// It does not look there.
    Nothing,
}

/// What is done to a service.
#[derive(Debug, Clone, PartialEq)]
enum Deed {
    Rebuild,
    Restart,
    Sync {
        to: String,
        then: Then,
    },
    /// Synced and restarted at once, while the image is built.
    Infer {
        to: Vec<String>,
    },
    /// A process uses the file where it is.
    InPlace,
}

/// Whether an engine answers is not known here; what a service runs as may hang on it.
#[derive(Clone, Copy)]
struct Assumption {
    choice: RuntimeArg,
    engine_answers: bool,
}

impl Assumption {
    /// What a service would run as; `None`: it could not run.
    fn runtime(self, service: &Service) -> Option<Runtime> {
        let may_be_container = self.choice != RuntimeArg::Process && self.engine_answers;
        let may_be_process = self.choice != RuntimeArg::Engine && service.run.is_some();
        if may_be_container && service.has_image() {
            Some(Runtime::Container)
        } else {
            may_be_process.then_some(Runtime::Process)
        }
    }
}

/// `boatyard why`
pub(super) fn why(global: &Global, why: &Why) -> Result<u8, Failure> {
    let (stack, loaded) = inspect::stack(global)?;
    let here = here(global)?;
    let paths: Vec<PathBuf> = why.paths.iter().map(|path| here.join(path)).collect();
    let story = story(&stack, global.runtime, &paths, here, loaded.rules);
    report::print(&if why.json {
        json::lines(&story)
    } else {
        words::lines(&story)
    });
    Ok(0)
}

fn here(global: &Global) -> Result<PathBuf, Failure> {
    let folder = global.directory.clone().unwrap_or_else(|| ".".into());
    folder
        .canonicalize()
        .map_err(|error| Failure::io(&format!("cannot enter {}", folder.display()), &error))
}

fn story(
    stack: &Stack,
    choice: RuntimeArg,
    paths: &[PathBuf],
    here: PathBuf,
    rules: Vec<(ServiceName, Place)>,
) -> Story {
    let engine_answers: &[bool] = match choice {
        RuntimeArg::Auto => &[true, false],
        RuntimeArg::Engine => &[true],
        RuntimeArg::Process => &[false],
    };
    let told: Vec<(Assumption, Explanation)> = engine_answers
        .iter()
        .map(|&engine_answers| {
            let assumed = Assumption {
                choice,
                engine_answers,
            };
            let runtime = |name: &ServiceName| assumed.runtime(stack.service(name)?);
            (assumed, explain(stack, runtime, paths))
        })
        .collect();
    let about = |index: usize| path_story(stack, &told, index);
    Story {
        paths: (0..paths.len()).filter_map(about).collect(),
        watched: watched(stack, &told),
        rules,
        here,
    }
}

fn path_story(
    stack: &Stack,
    told: &[(Assumption, Explanation)],
    index: usize,
) -> Option<PathStory> {
    let of = |explanation: &Explanation| explanation.paths.get(index).cloned();
    let first = of(&told.first()?.1)?;
    let mut answers = Vec::new();
    for (name, service) in &stack.services {
        let mine = told.iter().filter_map(|(assumed, explanation)| {
            let runtime = assumed.runtime(service)?;
            Some((runtime, meanings(&of(explanation)?, name, runtime)))
        });
        for (runtime, meanings) in differing(mine) {
            answers.extend(meanings.into_iter().map(|meaning| Answer {
                service: name.clone(),
                runtime,
                meaning,
            }));
        }
    }
    answers.retain(|answer| answer.runtime.is_some() || answer.meaning != Meaning::Nothing);
    Some(PathStory {
        path: first.path,
        reloads: first.reloads,
        answers,
    })
}

fn watched(
    stack: &Stack,
    told: &[(Assumption, Explanation)],
) -> Vec<(ServiceName, Option<Runtime>, Vec<Ground>)> {
    let mut watched = Vec::new();
    for (name, service) in &stack.services {
        let mine = told.iter().filter_map(|(assumed, explanation)| {
            let runtime = assumed.runtime(service)?;
            let found = explanation.watched.iter().find(|(other, _)| other == name);
            Some((runtime, found.map_or_else(Vec::new, |(_, at)| at.clone())))
        });
        let mine = differing(mine).into_iter();
        watched.extend(mine.map(|(runtime, at)| (name.clone(), runtime, at)));
    }
    watched
}

/// What holds under each assumption, as one where they all say the same.
fn differing<T: PartialEq>(told: impl Iterator<Item = (Runtime, T)>) -> Vec<(Option<Runtime>, T)> {
    let told: Vec<(Runtime, T)> = told.collect();
    let is_one = told.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let kept = if is_one { 1 } else { told.len() };
    told.into_iter()
        .take(kept)
        .map(|(runtime, what)| ((!is_one).then_some(runtime), what))
        .collect()
}

/// What a path means to a service: one thing, or several that all count.
fn meanings(explained: &Explained, service: &ServiceName, runtime: Runtime) -> Vec<Meaning> {
    let verdicts = explained.services.iter();
    let found: Vec<Meaning> = verdicts
        .filter(|(name, _)| name == service)
        .map(|(_, verdict)| match verdict.clone() {
            Verdict::LeftOut { by, entered } => Meaning::LeftOut { by, entered },
            Verdict::Counts {
                ground,
                action,
                inferred,
            } => Meaning::Does {
                deed: deed(action, runtime),
                ground,
                inferred,
            },
        })
        .collect();
    if found.is_empty() {
        vec![Meaning::Nothing]
    } else {
        found
    }
}

/// What an action comes to: a process has no image, and uses its files where they are.
fn deed(action: Action, runtime: Runtime) -> Deed {
    match (action, runtime) {
        (Action::Rebuild, Runtime::Container) => Deed::Rebuild,
        (Action::Sync { copies, then }, Runtime::Container) => Deed::Sync {
            to: copies
                .into_iter()
                .next()
                .map_or_else(String::new, |copy| copy.to),
            then,
        },
        (
            Action::Sync {
                then: Then::Nothing,
                ..
            },
            Runtime::Process,
        ) => Deed::InPlace,
        (Action::Infer { copies }, Runtime::Container) => Deed::Infer {
            to: copies.into_iter().map(|copy| copy.to).collect(),
        },
        (Action::Rebuild | Action::Restart | Action::Sync { .. } | Action::Infer { .. }, _) => {
            Deed::Restart
        }
    }
}

impl Story {
    /// A path as short as it can be written here.
    fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.here) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".into(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }

    /// Where a watch rule of a service stands, as `FILE:LINE`.
    fn place(&self, service: &ServiceName, number: usize) -> Option<String> {
        let mut mine = self.rules.iter().filter(|(name, _)| name == service);
        let (_, place) = mine.nth(number.checked_sub(1)?)?;
        let file = place.file.canonicalize();
        let file = file.unwrap_or_else(|_| place.file.clone());
        Some(format!("{}:{}", self.shown(&file), place.line))
    }
}

#[cfg(test)]
mod tests;
