//! Why a path means something, or nothing: what `boatyard why` tells. The plan that the watcher goes by gives every answer.

use std::path::{Path, PathBuf};

use super::docker_rules::DockerRules;
use super::names;
use super::plan::{Filter, Interest, Judgement, LeftOut, Plan, Saved, Why, inside, real};
use crate::adapters::ignore_rules::IgnoreLine;
use crate::engine::Action;
use crate::stack::{Runtime, ServiceName, Stack};

/// What a plan says about some paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The paths, in the order in which they were asked about.
    pub paths: Vec<Explained>,
    /// For each service in the order of the stack: where it looks.
    pub watched: Vec<(ServiceName, Vec<Ground>)>,
}

/// What a plan says about one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The path, absolute and without links.
    pub path: PathBuf,
    /// Saving it reloads the stack.
    pub reloads: bool,
    /// What it means to each service that looks where it lies: a verdict for each, but for several rules that all count.
    pub services: Vec<(ServiceName, Verdict)>,
}

/// What a path means to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A change of it does this. `inferred`: where it lands by the Dockerfile, or why that is not certain, in words.
    Counts {
        ground: Ground,
        action: Action,
        inferred: Option<String>,
    },
    /// It lies in these places and is left out of each.
    LeftOut {
        by: Vec<(Ground, Exclusion)>,
        /// It is a folder, and something in it may count all the same.
        entered: bool,
    },
}

/// A file or a tree that concerns a service, and why it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ground {
    /// Why.
    pub why: Why,
    /// The file, or the folder at which the tree begins.
    pub root: PathBuf,
}

/// Why a path is left out of a tree in which it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exclusion {
    /// It is named like an editor's own files.
    Temporary,
    /// It lies in git's own folder.
    Git,
    /// It lies in a folder of this name, which tools fill.
    FilledByTools(String),
    /// It is named like a log.
    Log,
    /// It holds ignore rules, which are read again.
    IgnoreFile,
    /// The stack is reloaded for it, and nothing else.
    StackFile,
    /// This service answers for it.
    OtherService(ServiceName),
    /// A line of an ignore file excludes it.
    Line(IgnoreLine),
    /// A pattern of the rule's own excludes it.
    Pattern(String),
    /// None of the patterns for which the rule is matches it.
    NotIncluded,
}

/// What saving each of these paths would do, given what each service runs as. Paths need not exist: they are answered as if
/// they did, as folders if they end in `/`. Reads the ignore files.
pub fn explain(
    stack: &Stack,
    runtime_of: impl Fn(&ServiceName) -> Option<Runtime>,
    paths: &[PathBuf],
) -> Explanation {
    let plan = Plan::new(stack, runtime_of);
    let grounds = |interests: &[Interest]| interests.iter().map(Interest::ground).collect();
    Explanation {
        paths: paths.iter().map(|path| plan.explain(path)).collect(),
        watched: plan
            .services
            .iter()
            .map(|(name, interests)| (name.clone(), grounds(interests)))
            .collect(),
    }
}

impl Plan {
    fn explain(&self, asked: &Path) -> Explained {
        let path = without_links(asked);
        let is_folder = asked.to_string_lossy().ends_with('/')
            || path.symlink_metadata().is_ok_and(|data| data.is_dir());
        let verdicts = self.services.iter().flat_map(|(name, interests)| {
            let verdicts = self.verdicts(interests, &path, is_folder);
            verdicts.into_iter().map(|verdict| (name.clone(), verdict))
        });
        Explained {
            services: verdicts.collect(),
            reloads: self.is_stack_file(&path),
            path,
        }
    }

    fn verdicts(&self, interests: &[Interest], path: &Path, is_folder: bool) -> Vec<Verdict> {
        let saved = Saved {
            path: path.to_owned(),
            gone: false,
        };
        let counts = |interest: &&Interest| Verdict::Counts {
            ground: interest.ground(),
            action: interest.action(&saved),
            inferred: interest.inferred(path),
        };
        let deciding = self.deciding(interests, path, is_folder);
        if !deciding.is_empty() {
            return deciding.iter().map(counts).collect();
        }
        let by: Vec<(Ground, Exclusion)> = interests
            .iter()
            .filter_map(|interest| {
                let exclusion = self.exclusion(interest, path, is_folder)?;
                Some((interest.ground(), exclusion))
            })
            .collect();
        let entered = is_folder && super::plan::enters(interests, path);
        if by.is_empty() {
            return Vec::new();
        }
        vec![Verdict::LeftOut { by, entered }]
    }

    fn exclusion(&self, interest: &Interest, path: &Path, is_folder: bool) -> Option<Exclusion> {
        match interest.judge(path, is_folder) {
            Judgement::Elsewhere => None,
            Judgement::Takes => {
                let is_spared = interest.spares_stack_files && self.is_stack_file(path);
                is_spared.then_some(Exclusion::StackFile)
            }
            Judgement::LeavesOut(why) => interest.exclusion(why, path, is_folder),
        }
    }
}

impl Interest {
    fn ground(&self) -> Ground {
        Ground {
            why: self.why,
            root: self.root.clone(),
        }
    }

    fn exclusion(&self, why: LeftOut, path: &Path, is_folder: bool) -> Option<Exclusion> {
        let inside = inside(path, &self.root)?;
        Some(match why {
            LeftOut::Temporary => Exclusion::Temporary,
            LeftOut::Git => Exclusion::Git,
            LeftOut::FilledByTools => {
                let mut parts = inside.split('/');
                let folder = parts.find(|part| names::is_filled_by_tools(part));
                Exclusion::FilledByTools(folder.unwrap_or_default().to_owned())
            }
            LeftOut::Log => Exclusion::Log,
            LeftOut::IgnoreFile => Exclusion::IgnoreFile,
            LeftOut::OtherService => Exclusion::OtherService(self.other(path)?),
            LeftOut::Pattern => self.pattern(&inside, is_folder)?,
            LeftOut::NotIncluded => Exclusion::NotIncluded,
            LeftOut::Context => {
                let (root, rules) = self.context.as_ref()?;
                line_of(rules, &super::plan::inside(path, root)?)?
            }
        })
    }

    /// The other service that answers for a path: the one whose folder is the nearest.
    fn other(&self, path: &Path) -> Option<ServiceName> {
        let Filter::Git { others, .. } = &self.filter else {
            return None;
        };
        let within = others.iter().filter(|(other, _)| path.starts_with(other));
        let nearest = within.max_by_key(|(other, _)| other.as_os_str().len());
        nearest.map(|(_, name)| name.clone())
    }

    fn pattern(&self, inside: &str, is_folder: bool) -> Option<Exclusion> {
        match &self.filter {
            Filter::Exact => None,
            Filter::Git { rules, .. } => rules.which_line(inside, is_folder).map(Exclusion::Line),
            Filter::Docker(docker) => line_of(docker, inside),
        }
    }
}

/// The line, or the pattern, that excludes a path.
fn line_of(docker: &DockerRules, inside: &str) -> Option<Exclusion> {
    let (line, text) = docker.rules.which_line(inside)?;
    let text = text.to_owned();
    Some(match docker.rules.source() {
        Some(file) => Exclusion::Line(IgnoreLine {
            file: file.to_owned(),
            line,
            text,
        }),
        None => Exclusion::Pattern(text),
    })
}

/// The path itself may be a link, which is watched as the file it is; the way to it is gone without.
fn without_links(path: &Path) -> PathBuf {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => real(path),
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
