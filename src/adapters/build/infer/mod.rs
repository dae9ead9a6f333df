//! Inferred sync: from the Dockerfile alone, where a file of the context lands in the image, or why only a build can tell.
//!
//! What is not certain is not guessed: then the answer is a rebuild, with the reason. What is said to land is compared
//! with the real image once that is built, so that a wrong answer here is found out and set right.

mod land;
mod recipe;
mod step;
mod wildcard;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

use super::dockerfile::{Dockerfile, Instruction};
use crate::adapters::ignore_rules::clean;
use crate::engine::Stamp;
use crate::stack::Service;
use recipe::Recipe;

/// What a change of one file of the context means for the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inferred {
    /// It is the content of these paths, and of nothing else.
    Lands(Vec<Landing>),
    /// Only a build can tell.
    Rebuild(Doubt),
}

/// Where a file lands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// Its absolute path inside.
    pub to: String,
    /// Owner and mode that it gets there.
    pub stamp: Stamp,
    /// Line of the instruction that copies it, from 1.
    pub line: usize,
    /// That instruction, on one line.
    pub by: String,
}

/// Why only a build can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// In words.
    pub why: String,
    /// The line of the Dockerfile that is the reason, from 1, if one is.
    pub line: Option<usize>,
}

/// What is at a path of the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, or something stranger.
    Other,
    /// Nothing.
    Nothing,
}

/// A build context, as far as an inference looks into it.
pub trait Context {
    /// What is at this path, relative to the context; links are not followed.
    fn found(&self, path: &str) -> Found;
    /// The names in this folder.
    fn names(&self, folder: &str) -> Vec<String>;
}

/// A context on this machine.
#[derive(Debug)]
pub struct OnDisk<'a>(pub &'a Path);

impl Context for OnDisk<'_> {
    fn found(&self, path: &str) -> Found {
        match fs::symlink_metadata(self.0.join(path)) {
            Ok(data) if data.is_file() => Found::File,
            Ok(data) if data.is_dir() => Found::Folder,
            Ok(_) => Found::Other,
            Err(_) => Found::Nothing,
        }
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        names.sort();
        names
    }
}

/// Where the files of one service's context land.
#[derive(Debug, Clone)]
pub struct Inference {
    recipe: Result<Recipe, Doubt>,
    /// Folders at which the stack file mounts something.
    mounts: Vec<String>,
    /// The Dockerfile and the ignore files, relative to the context.
    own: Vec<String>,
}

impl Inference {
    /// From the text of the service's Dockerfile.
    pub fn new(service: &Service, text: &str) -> Self {
        let target = service
            .build
            .as_ref()
            .and_then(|build| build.target.as_deref());
        let args = service.build.iter().flat_map(|build| build.args.clone());
        let recipe = recipe::read(&Dockerfile::parse(text), target, &args.collect());
        let mounts = service.volumes.iter().map(|mount| clean(&mount.target));
        Self {
            recipe,
            mounts: mounts.collect(),
            own: own_files(service),
        }
    }

    /// From the service's Dockerfile on this machine.
    pub fn read(service: &Service) -> Self {
        let dockerfile = service.build.as_ref().map(|build| &build.dockerfile);
        let text = dockerfile.map(fs::read).and_then(Result::ok);
        match text {
            Some(text) => Self::new(service, &String::from_utf8_lossy(&text)),
            None => Self {
                recipe: Err(Doubt::whole("it cannot be read")),
                mounts: Vec::new(),
                own: Vec::new(),
            },
        }
    }

    /// What a change of this file means; `path` is relative to the context, with `/`, and not excluded by its ignore
    /// rules. Where there is no file any more, it was deleted.
    pub fn of(&self, path: &str, context: &dyn Context) -> Inferred {
        let recipe = match &self.recipe {
            Ok(recipe) => recipe,
            Err(doubt) => return Inferred::Rebuild(doubt.clone()),
        };
        if self.own.iter().any(|own| own == path) {
            return Inferred::Rebuild(Doubt::whole("it says how the image is built"));
        }
        match land::landings(recipe, path, context, &self.mounts) {
            Ok(landings) => Inferred::Lands(landings),
            Err(doubt) => Inferred::Rebuild(doubt),
        }
    }
}

/// What a change of this file of a service's context means, in words, from the files on this machine; `None`: the service
/// does not infer, or the file is not in its context.
pub fn explain(service: &Service, path: &Path) -> Option<String> {
    let build = service.build.as_ref().filter(|_| service.infers_sync())?;
    let inside = path.strip_prefix(&build.context).ok()?.to_str()?;
    let inferred = Inference::read(service).of(inside, &OnDisk(&build.context));
    Some(inferred.in_words())
}

fn own_files(service: &Service) -> Vec<String> {
    let Some(build) = &service.build else {
        return Vec::new();
    };
    let beside = PathBuf::from(format!("{}.dockerignore", build.dockerfile.display()));
    let files = [
        build.dockerfile.clone(),
        beside,
        build.context.join(".dockerignore"),
    ];
    let inside = files
        .iter()
        .filter_map(|file| file.strip_prefix(&build.context).ok());
    inside
        .filter_map(|path| path.to_str().map(str::to_owned))
        .collect()
}

impl Inferred {
    /// For people: "COPY on line 7 (`COPY src /app/src`) puts it at /app/src/x.py", or "rebuilds: …".
    pub fn in_words(&self) -> String {
        match self {
            Self::Lands(landings) => {
                let each = landings.iter().map(|landing| {
                    let word = landing.by.split(' ').next().unwrap_or_default();
                    let Landing { to, line, by, .. } = landing;
                    format!("{word} on line {line} (`{by}`) puts it at {to}")
                });
                each.collect::<Vec<_>>().join("; ")
            }
            Self::Rebuild(doubt) => format!("rebuilds: {}", doubt.in_words()),
        }
    }
}

impl Doubt {
    fn whole(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            line: None,
        }
    }

    fn at(line: usize, why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            line: Some(line),
        }
    }

    fn of(instruction: &Instruction, why: impl Into<String>) -> Self {
        let why = format!("`{}`: {}", recipe::written(instruction), why.into());
        Self::at(instruction.line, why)
    }

    fn by(step: &step::Step, why: impl std::fmt::Display) -> Self {
        Self::at(step.line, format!("`{}` {why}", step.text))
    }

    /// In words, with the line.
    pub fn in_words(&self) -> String {
        match self.line {
            Some(line) => format!("line {line} of the Dockerfile: {}", self.why),
            None => self.why.clone(),
        }
    }
}

#[cfg(test)]
mod any_text;
#[cfg(test)]
mod tests;
