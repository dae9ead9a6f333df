//! One instruction as far as it matters for where files of the context land.

use super::wildcard;
use super::words::Variables;
use super::words::split;
use crate::adapters::build::dockerfile::Instruction;
use crate::adapters::ignore_rules::clean;
use crate::engine::Stamp;

/// An instruction that puts files into a stage, or may read those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Its line, from 1.
    pub(super) line: usize,
    /// As it is written, on one line.
    pub(super) text: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// `COPY` or `ADD`.
    Copy(Copying),
    /// `RUN`: the parts of the context that it mounts, and the stages it mounts from.
    Run {
        context: Vec<String>,
        stages: Vec<String>,
    },
    /// `WORKDIR`: this folder is there from now on.
    Folder(String),
    /// `VOLUME`: what is below these folders is not the image's.
    Volume(Vec<String>),
}

/// What a `COPY` or `ADD` copies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "flags as they are written")]
pub(super) struct Copying {
    pub(super) origin: Origin,
    pub(super) sources: Vec<Source>,
    /// Absolute and clean; `None`: relative to a folder that only the base image knows.
    pub(super) target: Option<String>,
    /// Whether the target is written as a folder.
    pub(super) into_folder: bool,
    /// It unpacks archives.
    pub(super) adds: bool,
    /// It cannot see what is in the stage already.
    pub(super) link: bool,
    /// It keeps the folders of its sources.
    pub(super) parents: bool,
    pub(super) exclude: Vec<String>,
    pub(super) stamp: Stamp,
    /// Why the files would not be as a sync makes them.
    pub(super) unclear: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The build context.
    Context,
    /// Another stage, an image, a here-document, a URL.
    Elsewhere { stage: Option<String> },
}

/// A source in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// Relative to the context and clean; empty: all of it.
    pub(super) path: String,
    /// How much of it `--parents` leaves away, with its `/`.
    pub(super) pivot: usize,
}

/// What an instruction is read with.
pub(super) struct Reading<'a> {
    pub(super) variables: &'a Variables,
    pub(super) workdir: Option<&'a str>,
    pub(super) escape: char,
}

impl Reading<'_> {
    fn fill(&self, word: &str) -> Result<String, String> {
        self.variables
            .fill(word, self.escape)
            .map_err(|what| format!("the value of {what} is not known"))
    }

    /// An absolute path; `None`: it is relative, and only the base image knows to what.
    pub(super) fn absolute(&self, path: &str) -> Option<String> {
        if path.starts_with('/') {
            return Some(clean(path));
        }
        Some(clean(&format!("{}/{path}", self.workdir?)))
    }
}

/// Reads a `COPY` or `ADD`.
///
/// # Errors
/// Why it says nothing certain.
pub(super) fn copying(instruction: &Instruction, reading: &Reading<'_>) -> Result<Copying, String> {
    let mut copying = Copying {
        origin: Origin::Context,
        sources: Vec::new(),
        target: None,
        into_folder: false,
        adds: instruction.word == "ADD",
        link: false,
        parents: false,
        exclude: Vec::new(),
        stamp: Stamp {
            owner: Some("0:0".into()),
            mode: None,
        },
        unclear: None,
    };
    let mut rest = instruction.rest.as_str();
    while rest.starts_with("--") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (option, after) = rest.split_at(end);
        flag(option, &mut copying, reading)?;
        rest = after.trim_start();
    }
    let mut words = Vec::new();
    for word in operands(rest) {
        words.push(reading.fill(&word)?);
    }
    let target = words.pop().filter(|_| !words.is_empty());
    let target = target.ok_or("it has no source or no target")?;
    copying.into_folder =
        target.is_empty() || target == "." || target.ends_with('/') || target.ends_with("/.");
    copying.target = reading.absolute(&target);
    let is_foreign =
        |word: &String| word.contains("://") || word.starts_with("git@") || word.starts_with("<<");
    if instruction.heredocs > 0 || words.iter().any(is_foreign) {
        if !words.iter().all(is_foreign) {
            return Err("it copies files of the context and others at once".into());
        }
        copying.origin = Origin::Elsewhere { stage: None };
    }
    if copying.origin == Origin::Context {
        let sources: Result<_, _> = words.iter().map(|word| source(word)).collect();
        copying.sources = sources?;
    }
    Ok(copying)
}

fn operands(rest: &str) -> Vec<String> {
    serde_json::from_str::<Vec<String>>(rest)
        .unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect())
}

fn flag(option: &str, copying: &mut Copying, reading: &Reading<'_>) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, "true"));
    let value = reading.fill(value)?;
    match name {
        "--from" => copying.origin = Origin::Elsewhere { stage: Some(value) },
        "--chown" => copying.stamp.owner = Some(owner(&value)),
        "--chmod" => match u32::from_str_radix(&value, 8) {
            Ok(mode) if mode <= 0o7777 => copying.stamp.mode = Some(mode),
            Ok(_) | Err(_) => {
                copying.unclear = Some(format!("--chmod={value} is not a plain number"));
            }
        },
        "--link" => copying.link = value == "true",
        "--parents" => copying.parents = value == "true",
        "--exclude" => copying.exclude.push(value),
        "--checksum" | "--keep-git-dir" => {}
        _ => return Err(format!("{name} is not known")),
    }
    Ok(())
}

/// A number alone is the group's too.
fn owner(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(number) => format!("{number}:{number}"),
        Err(_) => text.to_owned(),
    }
}

fn source(word: &str) -> Result<Source, String> {
    let path = clean(&format!("/{word}"));
    let path = path.trim_start_matches('/').to_owned();
    if wildcard::is_wild(&path) && !wildcard::is_plain(&path) {
        return Err(format!("builders differ in what {word} matches"));
    }
    let pivot = match word.split_once("/./") {
        Some((before, _)) if wildcard::is_wild(before) => {
            return Err(format!(
                "builders differ in what {word} keeps of its folders"
            ));
        }
        Some((before, _)) => match clean(&format!("/{before}")).trim_start_matches('/') {
            "" => 0,
            before => before.len() + 1,
        },
        None => 0,
    };
    Ok(Source { path, pivot })
}

/// What a `RUN` mounts of the context and of other stages.
///
/// # Errors
/// Why it says nothing certain.
pub(super) fn run(instruction: &Instruction, reading: &Reading<'_>) -> Result<Kind, String> {
    let (mut context, mut stages) = (Vec::new(), Vec::new());
    let words = split(&instruction.rest, reading.escape);
    for word in words.iter().take_while(|word| word.starts_with("--")) {
        let Some(options) = word.strip_prefix("--mount=") else {
            continue;
        };
        let options = reading.fill(options)?;
        let option = |names: &[&str]| {
            let mut given = options.split(',').filter_map(|one| one.split_once('='));
            given.find_map(|(name, value)| names.contains(&name).then(|| value.to_owned()))
        };
        let kind = option(&["type"]).unwrap_or_else(|| "bind".into());
        let from = option(&["from"]);
        match (kind.as_str(), from) {
            ("bind" | "cache", Some(stage)) => stages.push(stage),
            ("bind", None) => {
                let path = option(&["source", "src"]).unwrap_or_default();
                let path = clean(&format!("/{path}"));
                context.push(path.trim_start_matches('/').to_owned());
            }
            _ => {}
        }
    }
    Ok(Kind::Run { context, stages })
}

/// The folders that a `VOLUME` names.
///
/// # Errors
/// Why it says nothing certain.
pub(super) fn volume(instruction: &Instruction, reading: &Reading<'_>) -> Result<Kind, String> {
    let mut folders = Vec::new();
    for word in operands(&instruction.rest) {
        let folder = reading.fill(&word)?;
        let absolute = clean(&format!("/{folder}"));
        folders.push(reading.absolute(&folder).unwrap_or(absolute));
    }
    Ok(Kind::Volume(folders))
}
