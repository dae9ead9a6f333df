//! Which service a path belongs to and what a change there asks of it. Pure but for the ignore files and
//! Dockerfiles it was made from, and a look at what is there when it infers where a file lands.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::actions::{add, rank, target_of};
use super::docker_rules::DockerRules;
use super::infer::{Inferring, settled};
use super::names;
use crate::adapters::ignore_rules::{DockerIgnore, GitIgnore};
use crate::engine::{Action, SyncCopy};
use crate::stack::{Build, Reaction, Runtime, Service, ServiceName, Stack, Then, WatchRule};

/// Everything that is watched, and why.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// For each service in the order of the stack: its interests, of which the first that takes a path decides, or every
    /// rule that does.
    pub(super) services: Vec<(ServiceName, Vec<Interest>)>,
    /// Files whose saving reloads the stack.
    stack_files: BTreeSet<PathBuf>,
    /// Dockerfiles from which it is inferred where files land.
    recipes: BTreeSet<PathBuf>,
    /// Files and folders at which the watched trees begin.
    roots: BTreeSet<PathBuf>,
    /// Folder of the stack.
    top: PathBuf,
}

/// A file or a tree that concerns a service.
#[derive(Debug)]
pub(super) struct Interest {
    pub(super) root: PathBuf,
    pub(super) why: Why,
    pub(super) filter: Filter,
    reaction: Reaction,
    /// Where its files land, if that is inferred: then the reaction is for those that land nowhere certain.
    infers: Option<Inferring>,
    /// Whether the stack's own files are left to the reload of the stack.
    pub(super) spares_stack_files: bool,
    /// What a file must match, if not every file counts.
    include: Option<DockerRules>,
    /// The build context whose own rules leave files out too.
    pub(super) context: Option<(PathBuf, DockerRules)>,
    /// Whether the interests behind it count too, where it takes a path.
    goes_on: bool,
    /// Whether it fills new containers.
    fills: bool,
}

/// Why a file or a tree concerns a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its watch rule of this number, from 1.
    Rule(usize),
    /// Its image is made by this Dockerfile.
    Dockerfile,
    /// This file says what is left out of its build context.
    IgnoreFile,
    /// It is its build context.
    Context,
    /// It is the folder in which it runs as a process.
    Folder,
}

#[derive(Debug)]
pub(super) enum Filter {
    /// The root alone.
    Exact,
    /// What these rules, relative to the root, do not exclude.
    Docker(DockerRules),
    /// What git does not ignore, nor fills a tool.
    Git {
        rules: GitIgnore,
        /// Folders that other services answer for.
        others: Vec<(PathBuf, ServiceName)>,
    },
}

/// What an interest says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The path lies elsewhere.
    Elsewhere,
    /// A change there counts.
    Takes,
    /// It lies there, and is left out.
    LeavesOut(LeftOut),
}

/// Why a path is left out of a tree in which it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// An editor's own file.
    Temporary,
    /// Git's own folder.
    Git,
    /// A folder that tools fill.
    FilledByTools,
    /// A log.
    Log,
    /// A file of ignore rules, which are read again, and nothing else.
    IgnoreFile,
    /// Another service answers for it.
    OtherService,
    /// A pattern excludes it.
    Pattern,
    /// It is left out of the build context, and so of the service's rules.
    Context,
    /// The rule is for files that match one of its patterns, and this one matches none.
    NotIncluded,
}

/// A file that was saved or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) path: PathBuf,
    /// It is not there any more.
    pub(super) gone: bool,
}

impl Plan {
    /// The plan of a stack, given what each service runs as as far as that is decided. Reads ignore files.
    pub(super) fn new(stack: &Stack, runtime_of: impl Fn(&ServiceName) -> Option<Runtime>) -> Self {
        let top = real(&stack.directory);
        let services: Vec<(ServiceName, Vec<Interest>)> = stack
            .services
            .values()
            .map(|service| {
                let interests = interests(stack, service, runtime_of(&service.name), &top);
                (service.name.clone(), interests)
            })
            .collect();
        let own = std::iter::once(&stack.file).filter(|file| !file.as_os_str().is_empty());
        let stack_files: BTreeSet<PathBuf> =
            own.chain(&stack.also_read).map(|file| real(file)).collect();
        let interests = services.iter().flat_map(|(_, interests)| interests);
        let mut roots: BTreeSet<PathBuf> = interests.map(|one| one.root.clone()).collect();
        roots.extend(stack_files.iter().cloned());
        let inferring = stack
            .services
            .values()
            .filter(|service| service.infers_sync());
        let builds = inferring.filter_map(|service| service.build.as_ref());
        Self {
            services,
            stack_files,
            recipes: builds.map(|build| real(&build.dockerfile)).collect(),
            roots,
            top,
        }
    }

    /// Files and folders at which the watched trees begin.
    pub(super) fn roots(&self) -> &BTreeSet<PathBuf> {
        &self.roots
    }

    /// Folders above this root that are watched for its making and its end: the nearest that exists; those within the stack's
    /// folder; and from a root elsewhere up to the folder that has both in it, as far as anything could be renamed there.
    pub(super) fn above<'a>(&self, root: &'a Path) -> Vec<&'a Path> {
        let has_top = !self.top.as_os_str().is_empty();
        let is_elsewhere = has_top && !root.starts_with(&self.top);
        let mut above: Vec<&Path> = Vec::new();
        for folder in root.ancestors().skip(1).filter(|folder| folder.is_dir()) {
            let is_within = has_top && folder.starts_with(&self.top);
            let on_the_way = is_elsewhere
                && above.last().is_none_or(|last| !self.top.starts_with(last))
                && rustix::fs::access(folder, Access::WRITE_OK).is_ok();
            if !above.is_empty() && !is_within && !on_the_way {
                break;
            }
            above.push(folder);
        }
        above
    }

    /// Whether saving this file reloads the stack.
    pub(super) fn is_stack_file(&self, path: &Path) -> bool {
        self.stack_files.contains(path)
    }

    /// Whether the plan was made from this file, so that another one is needed after its change.
    pub(super) fn is_made_of(&self, path: &Path) -> bool {
        holds_rules(path) || self.recipes.contains(path)
    }

    /// Whether a change of this file means anything.
    pub(super) fn takes(&self, path: &Path) -> bool {
        self.is_stack_file(path)
            || holds_rules(path)
                && self
                    .interests()
                    .any(|interest| path.starts_with(&interest.root))
            || self
                .services
                .iter()
                .any(|(_, interests)| !self.deciding(interests, path, false).is_empty())
    }

    /// Whether something below this folder may mean something.
    pub(super) fn enters(&self, folder: &Path) -> bool {
        self.services
            .iter()
            .any(|(_, interests)| enters(interests, folder))
    }

    /// Whether a root lies below this path, or is it.
    pub(super) fn leads_to_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root.starts_with(path))
    }

    /// What these files ask of whom: for each service at most one rebuild, one restart, and one sync for each sequel; where
    /// every rule counts, in the order that Compose has.
    pub(super) fn actions(&self, saved: &[Saved]) -> Vec<(ServiceName, Action)> {
        let mut asked = Vec::new();
        for (name, interests) in &self.services {
            let mut actions: Vec<Action> = Vec::new();
            for saved in saved {
                for interest in self.deciding(interests, &saved.path, false) {
                    add(&mut actions, interest.action(saved));
                }
            }
            let mut actions = settled(actions);
            if interests.iter().any(|interest| interest.goes_on) {
                actions.sort_by_key(rank);
            }
            asked.extend(actions.into_iter().map(|action| (name.clone(), action)));
        }
        asked
    }

    /// What the sync rules of a service put into a container that has none of these files.
    pub(super) fn synced<'a>(
        &self,
        service: &ServiceName,
        files: impl Iterator<Item = &'a PathBuf>,
    ) -> Vec<(SyncCopy, Then)> {
        let mut found = Vec::new();
        let Some((_, interests)) = self.services.iter().find(|(name, _)| name == service) else {
            return found;
        };
        for path in files {
            let saved = || Saved {
                path: path.clone(),
                gone: false,
            };
            let deciding = self.deciding(interests, path, false);
            for interest in deciding.iter().filter(|interest| interest.fills) {
                if let Action::Sync { copies, then } = interest.action(&saved()) {
                    found.extend(copies.into_iter().map(|copy| (copy, then.clone())));
                }
            }
        }
        found
    }

    fn interests(&self) -> impl Iterator<Item = &Interest> {
        self.services.iter().flat_map(|(_, interests)| interests)
    }

    /// The interests that decide about a file: the first that takes it, and those behind it where it says so. What lies where
    /// a rule looks, and is left out there, is not taken by the build context.
    pub(super) fn deciding<'a>(
        &self,
        interests: &'a [Interest],
        path: &Path,
        is_folder: bool,
    ) -> Vec<&'a Interest> {
        let is_stack_file = self.is_stack_file(path);
        let mut left_out = false;
        let mut deciding = Vec::new();
        for interest in interests {
            if is_stack_file && interest.spares_stack_files {
                continue;
            }
            match interest.judge(path, is_folder) {
                Judgement::Takes if !(left_out && interest.why == Why::Context) => {
                    deciding.push(interest);
                    if !interest.goes_on {
                        break;
                    }
                }
                Judgement::LeavesOut(_) => left_out |= interest.is_rule(),
                Judgement::Takes | Judgement::Elsewhere => {}
            }
        }
        deciding
    }
}

/// Whether something below this folder may mean something to the service that has these interests.
pub(super) fn enters(interests: &[Interest], folder: &Path) -> bool {
    let mut left_out = false;
    for interest in interests {
        if interest.enters(folder) {
            if !(left_out && interest.why == Why::Context) {
                return true;
            }
        } else if interest.is_rule() && inside(folder, &interest.root).is_some() {
            left_out = true;
        }
    }
    false
}

/// Whether the file holds ignore rules.
fn holds_rules(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| names::holds_rules(&name.to_string_lossy()))
}

/// The path without links, as far as it exists. The kernel watches a folder once, by whatever name it is reached.
pub(super) fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Folders of other services that lie within this service's own: what is saved there means them.
fn folders_of_others(stack: &Stack, service: &Service) -> Vec<(PathBuf, ServiceName)> {
    let own = real(&service.directory);
    let folders = stack.services.values().flat_map(|other| {
        let context = other.build.as_ref().map(|build| &build.context);
        let folders = context.into_iter().chain([&other.directory]);
        folders.map(|folder| (real(folder), other.name.clone()))
    });
    folders
        .filter(|(folder, _)| *folder != own && folder.starts_with(&own))
        .collect()
}

/// What a service wants to know of; `top` is the folder of the stack file.
fn interests(
    stack: &Stack,
    service: &Service,
    runtime: Option<Runtime>,
    top: &Path,
) -> Vec<Interest> {
    let rules = service.watch.iter().zip(1..);
    let rules: Vec<Interest> = rules
        .map(|(rule, number)| Interest::of_rule(service, rule, number))
        .collect();
    let runtime = runtime.unwrap_or(if service.has_image() {
        Runtime::Container
    } else {
        Runtime::Process
    });
    match (runtime, &service.build) {
        (Runtime::Container, Some(build)) => interests_of_build(service, build, rules),
        (Runtime::Process, _) if rules.is_empty() && service.run.is_some() => {
            let filter = Filter::Git {
                rules: GitIgnore::for_folder(&real(&service.directory), top),
                others: folders_of_others(stack, service),
            };
            let folder = &service.directory;
            vec![Interest::implied(
                folder,
                Why::Folder,
                filter,
                Reaction::Restart,
            )]
        }
        (Runtime::Container | Runtime::Process, _) => rules,
    }
}

/// What makes another image counts whatever the rules say, unless one names that very file; the rest of the context counts
/// where no rule looks, but for a service of which every rule counts: then nothing else does.
fn interests_of_build(service: &Service, build: &Build, rules: Vec<Interest>) -> Vec<Interest> {
    let excluded = DockerIgnore::for_build(&build.context, &build.dockerfile);
    let excluded = excluded.unwrap_or_else(|_| DockerIgnore::from_patterns([]));
    let beside = PathBuf::from(format!("{}.dockerignore", build.dockerfile.display()));
    let ignore_file = build.context.join(".dockerignore");
    let makers = [
        (&build.dockerfile, Why::Dockerfile),
        (&beside, Why::IgnoreFile),
        (&ignore_file, Why::IgnoreFile),
    ];
    let mut interests: Vec<Interest> = makers
        .map(|(file, why)| Interest {
            // The stack is made from the Dockerfile too (its `EXPOSE`), but foremost the image is.
            spares_stack_files: false,
            ..Interest::implied(file, why, Filter::Exact, Reaction::Rebuild)
        })
        .into();
    interests.retain(|maker| rules.iter().all(|rule| rule.root != maker.root));
    if service.every_rule && !rules.is_empty() {
        let within = |rule: Interest| Interest {
            context: Some((real(&build.context), DockerRules::new(excluded.clone()))),
            ..rule
        };
        interests.extend(rules.into_iter().map(within));
        return interests;
    }
    interests.extend(rules);
    let filter = Filter::Docker(DockerRules::new(excluded));
    interests.push(Interest {
        infers: Inferring::of(service),
        ..Interest::implied(&build.context, Why::Context, filter, Reaction::Rebuild)
    });
    interests
}

impl Interest {
    fn of_rule(service: &Service, rule: &WatchRule, number: usize) -> Self {
        let rules = |patterns: &[String]| {
            let patterns = patterns.iter().map(String::as_str);
            DockerRules::new(DockerIgnore::from_patterns(patterns))
        };
        Self {
            root: real(&rule.path),
            why: Why::Rule(number),
            filter: Filter::Docker(rules(&rule.ignore)),
            reaction: rule.reaction.clone(),
            infers: None,
            spares_stack_files: false,
            include: (!rule.include.is_empty()).then(|| rules(&rule.include)),
            context: None,
            goes_on: service.every_rule,
            fills: service.is_filled_by(rule),
        }
    }

    fn implied(root: &Path, why: Why, filter: Filter, reaction: Reaction) -> Self {
        Self {
            root: real(root),
            why,
            filter,
            reaction,
            infers: None,
            spares_stack_files: true,
            include: None,
            context: None,
            goes_on: false,
            fills: false,
        }
    }

    fn is_rule(&self) -> bool {
        matches!(self.why, Why::Rule(_))
    }

    /// What this interest alone says about a file, or about what is saved in a folder.
    pub(super) fn judge(&self, path: &Path, is_folder: bool) -> Judgement {
        let Some(inside) = inside(path, &self.root) else {
            return Judgement::Elsewhere;
        };
        if inside.is_empty() {
            return Judgement::Takes;
        }
        if matches!(self.filter, Filter::Exact) {
            return Judgement::Elsewhere;
        }
        match self.left_out(path, &inside, is_folder) {
            Some(why) => Judgement::LeavesOut(why),
            None => Judgement::Takes,
        }
    }

    fn left_out(&self, path: &Path, inside: &str, is_folder: bool) -> Option<LeftOut> {
        let name = file_name(inside);
        if is_below(inside, names::is_never_entered) {
            return Some(LeftOut::Git);
        }
        if names::is_temporary(name) {
            return Some(LeftOut::Temporary);
        }
        let is_included = |include: &DockerRules| is_folder || include.excludes(inside);
        if !self.include.as_ref().is_none_or(is_included) {
            return Some(LeftOut::NotIncluded);
        }
        if let Some((root, rules)) = &self.context
            && let Some(inside) = self::inside(path, root)
            && !inside.is_empty()
            && rules.excludes(&inside)
        {
            return Some(LeftOut::Context);
        }
        match &self.filter {
            Filter::Exact => None,
            Filter::Docker(rules) => rules.excludes(inside).then_some(LeftOut::Pattern),
            Filter::Git { rules, others } => {
                if is_below(inside, names::is_filled_by_tools) {
                    Some(LeftOut::FilledByTools)
                } else if others.iter().any(|(other, _)| path.starts_with(other)) {
                    Some(LeftOut::OtherService)
                } else if names::is_log(name) {
                    Some(LeftOut::Log)
                } else if names::holds_rules(name) {
                    Some(LeftOut::IgnoreFile)
                } else {
                    rules
                        .excludes(inside, is_folder)
                        .then_some(LeftOut::Pattern)
                }
            }
        }
    }

    /// Whether something below this folder may count for this interest.
    pub(super) fn enters(&self, folder: &Path) -> bool {
        let Some(inside) = inside(folder, &self.root) else {
            return false;
        };
        if matches!(self.filter, Filter::Exact) || is_below(&inside, names::is_never_entered) {
            return false;
        }
        if inside.is_empty() {
            return true;
        }
        match &self.filter {
            Filter::Exact => false,
            Filter::Docker(rules) => rules.could_contain(&inside),
            Filter::Git { rules, others } => {
                !is_below(&inside, names::is_filled_by_tools)
                    && !others.iter().any(|(other, _)| folder.starts_with(other))
                    && !rules.excludes(&inside, true)
            }
        }
    }

    /// What is inferred of a file, in words; `None` where nothing is to be inferred.
    pub(super) fn inferred(&self, path: &Path) -> Option<String> {
        let inside = inside(path, &self.root)?;
        Some(self.infers.as_ref()?.in_words(&inside, &self.root))
    }

    pub(super) fn action(&self, saved: &Saved) -> Action {
        let inside = inside(&saved.path, &self.root);
        if let (Some(infers), Some(inside)) = (&self.infers, inside) {
            return infers.action(saved, &inside, &self.root);
        }
        match &self.reaction {
            Reaction::Rebuild => Action::Rebuild,
            Reaction::Restart => Action::Restart,
            Reaction::Sync { target, then } => {
                let copy = SyncCopy::new(
                    (!saved.gone).then(|| saved.path.clone()),
                    target_of(&saved.path, &self.root, target),
                );
                Action::Sync {
                    copies: vec![copy],
                    then: then.clone(),
                }
            }
        }
    }
}

/// A path relative to a root, with `/`; both are absolute and as short as they can be written.
pub(super) fn inside<'p>(path: &'p Path, root: &Path) -> Option<Cow<'p, str>> {
    let root = root.as_os_str().as_bytes();
    let rest = path.as_os_str().as_bytes().strip_prefix(root)?;
    let rest = match rest.strip_prefix(b"/") {
        Some(rest) => rest,
        None if rest.is_empty() || root.ends_with(b"/") => rest,
        None => return None,
    };
    Some(OsStr::from_bytes(rest).to_string_lossy())
}

fn file_name(inside: &str) -> &str {
    inside.rsplit('/').next().unwrap_or_default()
}

fn is_below(inside: &str, is_such: fn(&str) -> bool) -> bool {
    inside.split('/').any(is_such)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
