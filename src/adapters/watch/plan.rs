//! Which service a path belongs to and what a change there asks of it. Pure but for the ignore files and
//! Dockerfiles it was made from, and a look at what is there when it infers where a file lands.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::infer::{Inferring, settled};
use super::names;
use crate::adapters::ignore_rules::{DockerIgnore, GitIgnore};
use crate::engine::{Action, SyncCopy};
use crate::stack::{Reaction, Runtime, Service, ServiceName, Stack, WatchRule};

/// Everything that is watched, and why.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// For each service in the order of the stack: its interests, of which the first that takes a path decides.
    services: Vec<(ServiceName, Vec<Interest>)>,
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
struct Interest {
    root: PathBuf,
    filter: Filter,
    reaction: Reaction,
    /// Where its files land, if that is inferred: then the reaction is for those that land nowhere certain.
    infers: Option<Inferring>,
    /// Whether the stack's own files are left to the reload of the stack.
    spares_stack_files: bool,
}

#[derive(Debug)]
enum Filter {
    /// The root alone.
    Exact,
    /// What these rules, relative to the root, do not exclude.
    Docker(DockerIgnore),
    /// What git does not ignore, nor fills a tool.
    Git {
        rules: GitIgnore,
        /// Folders that other services answer for.
        others: Vec<PathBuf>,
    },
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
                let others = folders_of_others(stack, service);
                let interests = interests(service, runtime_of(&service.name), &top, others);
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

    /// Folders above this root that are watched for its making and its end: those within the stack's folder, or the nearest
    /// that exists.
    pub(super) fn above<'a>(&self, root: &'a Path) -> Vec<&'a Path> {
        let folders = root.ancestors().skip(1);
        let mut existing = folders.filter(|folder| folder.is_dir()).peekable();
        let nearest = existing.peek().copied();
        let has_top = !self.top.as_os_str().is_empty();
        let within = existing.take_while(|folder| has_top && folder.starts_with(&self.top));
        let mut above: Vec<&Path> = within.collect();
        if above.is_empty() {
            above.extend(nearest);
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
                .any(|(_, interests)| self.decides(interests, path).is_some())
    }

    /// Whether something below this folder may mean something.
    pub(super) fn enters(&self, folder: &Path) -> bool {
        self.interests().any(|interest| interest.enters(folder))
    }

    /// Whether a root lies below this path, or is it.
    pub(super) fn leads_to_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root.starts_with(path))
    }

    /// What these files ask of whom: for each service at most one rebuild, one restart, and one sync for each sequel.
    pub(super) fn actions(&self, saved: &[Saved]) -> Vec<(ServiceName, Action)> {
        let mut asked = Vec::new();
        for (name, interests) in &self.services {
            let mut actions: Vec<Action> = Vec::new();
            for saved in saved {
                if let Some(interest) = self.decides(interests, &saved.path) {
                    add(&mut actions, interest.action(saved));
                }
            }
            let actions = settled(actions);
            asked.extend(actions.into_iter().map(|action| (name.clone(), action)));
        }
        asked
    }

    fn interests(&self) -> impl Iterator<Item = &Interest> {
        self.services.iter().flat_map(|(_, interests)| interests)
    }

    /// The interest that decides about a file.
    fn decides<'a>(&self, interests: &'a [Interest], path: &Path) -> Option<&'a Interest> {
        let is_stack_file = self.is_stack_file(path);
        interests
            .iter()
            .filter(|interest| !(is_stack_file && interest.spares_stack_files))
            .find(|interest| interest.takes(path))
    }
}

/// Whether the file holds ignore rules.
fn holds_rules(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| names::holds_rules(&name.to_string_lossy()))
}

/// The path without links, as far as it exists. The kernel watches a folder once, by whatever name it is reached.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Folders of other services that lie within this service's own: what is saved there means them.
fn folders_of_others(stack: &Stack, service: &Service) -> Vec<PathBuf> {
    let own = real(&service.directory);
    let folders = stack.services.values().flat_map(|other| {
        let context = other.build.as_ref().map(|build| &build.context);
        context.into_iter().chain([&other.directory])
    });
    let within = folders.map(|folder| real(folder));
    within
        .filter(|folder| *folder != own && folder.starts_with(&own))
        .collect()
}

/// What a service wants to know of; `top` is the folder of the stack file, `others` are folders of other services.
fn interests(
    service: &Service,
    runtime: Option<Runtime>,
    top: &Path,
    others: Vec<PathBuf>,
) -> Vec<Interest> {
    let rules = service.watch.iter().map(Interest::of_rule);
    if !service.watch.is_empty() && !service.infers_sync() {
        return rules.collect();
    }
    let runtime = runtime.unwrap_or(if service.has_image() {
        Runtime::Container
    } else {
        Runtime::Process
    });
    match (runtime, &service.build) {
        (Runtime::Container, Some(build)) => {
            let ignored = DockerIgnore::for_build(&build.context, &build.dockerfile);
            let ignored = ignored.unwrap_or_else(|_| DockerIgnore::from_patterns([]));
            let beside = PathBuf::from(format!("{}.dockerignore", build.dockerfile.display()));
            let alone = [
                &build.dockerfile,
                &beside,
                &build.context.join(".dockerignore"),
            ];
            let alone = alone.map(|file| Interest {
                // The stack is made from the Dockerfile too (its `EXPOSE`), but foremost the image is.
                spares_stack_files: false,
                ..Interest::implied(file, Filter::Exact, Reaction::Rebuild)
            });
            let context = Interest {
                infers: Inferring::of(service),
                ..Interest::implied(&build.context, Filter::Docker(ignored), Reaction::Rebuild)
            };
            rules.chain(alone).chain([context]).collect()
        }
        _ if !service.watch.is_empty() => rules.collect(),
        (Runtime::Process, _) if service.run.is_some() => {
            let rules = GitIgnore::for_folder(&real(&service.directory), top);
            let rules = Filter::Git { rules, others };
            vec![Interest::implied(
                &service.directory,
                rules,
                Reaction::Restart,
            )]
        }
        (Runtime::Container | Runtime::Process, _) => Vec::new(),
    }
}

impl Interest {
    fn of_rule(rule: &WatchRule) -> Self {
        let patterns = rule.ignore.iter().map(String::as_str);
        Self {
            root: real(&rule.path),
            filter: Filter::Docker(DockerIgnore::from_patterns(patterns)),
            reaction: rule.reaction.clone(),
            infers: None,
            spares_stack_files: false,
        }
    }

    fn implied(root: &Path, filter: Filter, reaction: Reaction) -> Self {
        Self {
            root: real(root),
            filter,
            reaction,
            infers: None,
            spares_stack_files: true,
        }
    }

    fn takes(&self, path: &Path) -> bool {
        let Some(inside) = Inside::of(path, &self.root) else {
            return false;
        };
        if inside.0.is_empty() {
            return true;
        }
        if inside.file_is_temporary() || inside.is_below(names::is_never_entered) {
            return false;
        }
        match &self.filter {
            Filter::Exact => false,
            Filter::Docker(rules) => !rules.excludes(&inside.0, false),
            Filter::Git { rules, others } => {
                !inside.is_below(names::is_filled_by_tools)
                    && !others.iter().any(|other| path.starts_with(other))
                    && !names::is_log(inside.file_name())
                    && !names::holds_rules(inside.file_name())
                    && !rules.excludes(&inside.0, false)
            }
        }
    }

    fn enters(&self, folder: &Path) -> bool {
        let Some(inside) = Inside::of(folder, &self.root) else {
            return false;
        };
        if matches!(self.filter, Filter::Exact) || inside.is_below(names::is_never_entered) {
            return false;
        }
        if inside.0.is_empty() {
            return true;
        }
        match &self.filter {
            Filter::Exact => false,
            Filter::Docker(rules) => {
                !rules.excludes(&inside.0, true) || rules.could_contain_included(&inside.0)
            }
            Filter::Git { rules, others } => {
                !inside.is_below(names::is_filled_by_tools)
                    && !others.iter().any(|other| folder.starts_with(other))
                    && !rules.excludes(&inside.0, true)
            }
        }
    }

    fn action(&self, saved: &Saved) -> Action {
        let inside = Inside::of(&saved.path, &self.root);
        if let (Some(infers), Some(inside)) = (&self.infers, inside) {
            return infers.action(saved, &inside.0, &self.root);
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

/// A path relative to a root, with `/`.
struct Inside(String);

impl Inside {
    fn of(path: &Path, root: &Path) -> Option<Self> {
        let inside = path.strip_prefix(root).ok()?;
        let parts: Vec<_> = inside
            .components()
            .filter_map(|part| match part {
                Component::Normal(part) => Some(part.to_string_lossy()),
                _ => None,
            })
            .collect();
        Some(Self(parts.join("/")))
    }

    fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    fn file_is_temporary(&self) -> bool {
        names::is_temporary(self.file_name())
    }

    fn is_below(&self, is_such: fn(&str) -> bool) -> bool {
        self.0.split('/').any(is_such)
    }
}

/// Where a file goes: a rule for a folder keeps what is below it as it is; a rule for one file names the file's new path,
/// or with a `/` at its end the folder it goes into.
fn target_of(path: &Path, root: &Path, target: &str) -> String {
    let inside = Inside::of(path, root).map_or_else(String::new, |inside| inside.0);
    let folder = target.trim_end_matches('/');
    if !inside.is_empty() {
        return format!("{folder}/{inside}");
    }
    match path.file_name() {
        Some(name) if target.ends_with('/') => format!("{folder}/{}", name.to_string_lossy()),
        _ => target.to_owned(),
    }
}

/// Adds what one file asks to what the others of its service ask.
fn add(actions: &mut Vec<Action>, new: Action) {
    let joined = |action: &mut Action| match (action, &new) {
        (
            Action::Sync { copies, then },
            Action::Sync {
                copies: more,
                then: other,
            },
        ) if then == other => {
            copies.extend(more.iter().cloned());
            true
        }
        (Action::Infer { copies }, Action::Infer { copies: more }) => {
            copies.extend(more.iter().cloned());
            true
        }
        (action, new) => action == new,
    };
    if !actions.iter_mut().any(joined) {
        actions.push(new);
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
