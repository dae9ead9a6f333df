//! A Dockerfile as far as it matters for where files of the context land: the steps of the stage that is built and of
//! those it begins with, and the steps of the stages it takes something from.

use std::collections::{BTreeMap, BTreeSet};

use super::Doubt;
use super::step::{Kind, Origin, Reading, Step, copying, run, volume};
use super::words::{Variables, pairs};
use crate::adapters::build::dockerfile::{Dockerfile, Instruction};

/// The steps that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Of the image itself, in the order in which they are made.
    pub(super) chain: Vec<Step>,
    /// Of the stages from which something is copied into it.
    pub(super) beside: Vec<Step>,
}

/// A stage as it is written.
struct Stage<'a> {
    /// Lower case; empty: it has no name.
    name: String,
    base: Base,
    instructions: Vec<&'a Instruction>,
}

enum Base {
    Stage(usize),
    Scratch,
    Image,
    /// An image or a stage, nobody knows.
    Unknown(String, usize),
}

/// What a stage hands on to one that begins with it.
#[derive(Clone, Default)]
struct Handed {
    steps: Vec<Step>,
    variables: Variables,
    workdir: Option<String>,
}

type Arguments = BTreeMap<String, String>;

/// Reads the recipe of a target.
///
/// # Errors
/// Why nothing certain can be said about any file.
pub(super) fn read(
    file: &Dockerfile,
    target: Option<&str>,
    args: &Arguments,
) -> Result<Recipe, Doubt> {
    if let Some(line) = file.doubtful {
        return Err(Doubt::at(
            line,
            "builders differ in how they join this line and the next",
        ));
    }
    let (stages, globals) = stages(file, args)?;
    let wanted = wanted(&stages, target)?;
    let reader = Reader {
        stages: &stages,
        globals: &globals,
        args,
        escape: file.escape,
        wanted,
    };
    let handed = reader.stage(wanted)?;
    let beside = reader.beside(&handed.steps, wanted)?;
    Ok(Recipe {
        chain: handed.steps,
        beside,
    })
}

/// The stages, and the arguments before the first.
fn stages<'a>(
    file: &'a Dockerfile,
    args: &Arguments,
) -> Result<(Vec<Stage<'a>>, Variables), Doubt> {
    let mut globals = Variables::default();
    let mut stages: Vec<Stage<'_>> = Vec::new();
    for instruction in &file.instructions {
        match (instruction.word.as_str(), stages.last_mut()) {
            ("FROM", _) => {
                let stage = stage(instruction, &stages, &globals, file.escape);
                stages.push(stage);
            }
            ("ARG", None) => argument(instruction, args, &mut globals, None, file.escape),
            (_, None) => {
                let why = format!("{} is not known before FROM", instruction.word);
                return Err(Doubt::at(instruction.line, why));
            }
            (_, Some(stage)) => stage.instructions.push(instruction),
        }
    }
    Ok((stages, globals))
}

fn stage<'a>(
    instruction: &Instruction,
    stages: &[Stage<'_>],
    globals: &Variables,
    escape: char,
) -> Stage<'a> {
    let words = instruction.rest.split_whitespace();
    let words: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
    let name = match words.as_slice() {
        [_, word, name, ..] if word.eq_ignore_ascii_case("as") => name.to_lowercase(),
        _ => String::new(),
    };
    let base = match globals.fill(words.first().unwrap_or(&""), escape) {
        Err(what) => Base::Unknown(what, instruction.line),
        Ok(base) => match named(stages, &base) {
            Some(index) => Base::Stage(index),
            None if base == "scratch" => Base::Scratch,
            None => Base::Image,
        },
    };
    Stage {
        name,
        base,
        instructions: Vec::new(),
    }
}

/// The stage of this name; the newest, if several have it.
fn named(stages: &[Stage<'_>], name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    stages
        .iter()
        .rposition(|stage| !stage.name.is_empty() && stage.name == name)
}

/// The stage of this name or number.
fn found(stages: &[Stage<'_>], name: &str) -> Option<usize> {
    let number = || name.parse().ok().filter(|index| *index < stages.len());
    named(stages, name).or_else(number)
}

fn wanted(stages: &[Stage<'_>], target: Option<&str>) -> Result<usize, Doubt> {
    match target {
        Some(target) => {
            found(stages, target).ok_or_else(|| Doubt::whole(format!("there is no stage {target}")))
        }
        None => (stages.len().checked_sub(1)).ok_or_else(|| Doubt::whole("it has no FROM")),
    }
}

/// `ARG`: what was given, else the default; within a stage a bare name is what it was before the first stage.
fn argument(
    instruction: &Instruction,
    args: &Arguments,
    into: &mut Variables,
    globals: Option<&Variables>,
    escape: char,
) {
    for (name, default) in pairs("ARG", &instruction.rest, escape) {
        let default = default.map(|default| into.fill(&default, escape));
        let value = match (args.get(&name), default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => default.ok(),
            (None, None) => globals.and_then(|globals| globals.values.get(&name).cloned()),
        };
        match value {
            Some(value) => into.values.insert(name, value),
            None => into.values.remove(&name),
        };
    }
}

struct Reader<'a> {
    stages: &'a [Stage<'a>],
    globals: &'a Variables,
    args: &'a Arguments,
    escape: char,
    wanted: usize,
}

impl Reader<'_> {
    /// All steps of a stage, those of what it begins with first.
    fn stage(&self, index: usize) -> Result<Handed, Doubt> {
        let stage = &self.stages[index];
        let mut handed = match &stage.base {
            // A stage can only begin with an earlier one, so this ends.
            Base::Stage(base) => self.stage(*base)?,
            Base::Scratch => Handed {
                workdir: Some("/".into()),
                ..Handed::default()
            },
            Base::Image => Handed::default(),
            Base::Unknown(what, line) => {
                return Err(Doubt::at(
                    *line,
                    format!("the value of {what} is not known"),
                ));
            }
        };
        let mut set_here = BTreeSet::new();
        for instruction in &stage.instructions {
            self.instruction(instruction, index, &mut handed, &mut set_here)?;
        }
        for name in set_here {
            handed.variables.values.remove(&name);
        }
        Ok(handed)
    }

    /// `set_here` are the arguments, which a stage that begins with this one may have or not, depending on the builder.
    fn instruction(
        &self,
        instruction: &Instruction,
        index: usize,
        handed: &mut Handed,
        set_here: &mut BTreeSet<String>,
    ) -> Result<(), Doubt> {
        let doubt = |why: String| Doubt::of(instruction, why);
        let reading = Reading {
            variables: &handed.variables,
            workdir: handed.workdir.as_deref(),
            escape: self.escape,
        };
        let kind = match instruction.word.as_str() {
            "COPY" | "ADD" => Kind::Copy(copying(instruction, &reading).map_err(doubt)?),
            "RUN" => run(instruction, &reading).map_err(doubt)?,
            "VOLUME" => volume(instruction, &reading).map_err(doubt)?,
            "WORKDIR" => {
                let folder = (handed.variables).fill(&instruction.rest, self.escape);
                handed.workdir = folder.ok().and_then(|folder| reading.absolute(&folder));
                match &handed.workdir {
                    Some(folder) => Kind::Folder(folder.clone()),
                    None => return Ok(()),
                }
            }
            "ENV" => {
                environment(instruction, &mut handed.variables, set_here, self.escape);
                return Ok(());
            }
            "ARG" => {
                let before = handed.variables.clone();
                argument(
                    instruction,
                    self.args,
                    &mut handed.variables,
                    Some(self.globals),
                    self.escape,
                );
                for (name, _) in pairs("ARG", &instruction.rest, self.escape) {
                    if before.values.contains_key(&name) && !set_here.contains(&name) {
                        // An environment variable of that name: builders differ in which one counts.
                        handed.variables.values.remove(&name);
                    }
                    set_here.insert(name);
                }
                return Ok(());
            }
            "ONBUILD" if index != self.wanted => {
                return Err(doubt("what it triggers is not looked at".into()));
            }
            "ONBUILD" | "CMD" | "ENTRYPOINT" | "LABEL" | "EXPOSE" | "USER" | "HEALTHCHECK"
            | "SHELL" | "STOPSIGNAL" | "MAINTAINER" => return Ok(()),
            word => return Err(doubt(format!("{word} is not known"))),
        };
        handed.steps.push(Step {
            line: instruction.line,
            text: written(instruction),
            kind,
        });
        Ok(())
    }

    /// The steps of all stages from which something comes, directly or not.
    fn beside(&self, chain: &[Step], wanted: usize) -> Result<Vec<Step>, Doubt> {
        let mut beside: Vec<Step> = Vec::new();
        let mut seen = BTreeSet::from([wanted]);
        let mut open: Vec<String> = chain.iter().flat_map(taken_from).collect();
        while let Some(name) = open.pop() {
            let Some(index) = found(self.stages, &name) else {
                continue;
            };
            if seen.insert(index) {
                let steps = self.stage(index)?.steps;
                open.extend(steps.iter().flat_map(taken_from));
                beside.extend(steps);
            }
        }
        Ok(beside)
    }
}

/// The names of the stages, or images, from which a step takes something.
fn taken_from(step: &Step) -> Vec<String> {
    match &step.kind {
        Kind::Copy(copying) => match &copying.origin {
            Origin::Elsewhere { stage } => stage.iter().cloned().collect(),
            Origin::Context => Vec::new(),
        },
        Kind::Run { stages, .. } => stages.clone(),
        Kind::Folder(_) | Kind::Volume(_) => Vec::new(),
    }
}

/// `ENV`. All of its values are filled in before any of them counts.
fn environment(
    instruction: &Instruction,
    variables: &mut Variables,
    set_here: &mut BTreeSet<String>,
    escape: char,
) {
    let before = variables.clone();
    for (name, value) in pairs("ENV", &instruction.rest, escape) {
        let value = before.fill(&value.unwrap_or_default(), escape);
        set_here.remove(&name);
        match value {
            Ok(value) => variables.values.insert(name, value),
            Err(_) => variables.values.remove(&name),
        };
    }
}

/// An instruction on one line.
pub(super) fn written(instruction: &Instruction) -> String {
    let words = instruction.rest.split_whitespace();
    let words = std::iter::once(instruction.word.as_str()).chain(words);
    words.collect::<Vec<_>>().join(" ")
}
