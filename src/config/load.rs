//! Reads a stack file from disk: every problem at once, and the stack when nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::stack::{ServiceName, Stack};

use super::compose::entry;
use super::discover::{Options, STACK_FILE, find, is_compose};
use super::environment::{read_text, reason, values};
use super::parse::parse;
use super::problem::{Place, Problem, Severity};
use super::scope::{Defaults, Scope, Variables};
use super::source::{Source, shown_from};
use super::{file, variables};

/// Greatest size of a stack file, in bytes.
const LARGEST: u64 = 4 << 20;

/// What came of reading a stack file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The stack; `None` when there is any error.
    pub stack: Option<Stack>,
    /// Everything that is wrong with it, in the order of the file.
    pub problems: Vec<Problem>,
    /// The file, absolute. When none was found, where one would be.
    pub file: PathBuf,
    /// Every other file that was read, or would have been had it been there: `.env`, `env_file`s, Dockerfiles.
    pub also_read: Vec<PathBuf>,
    /// Where the watch rules of each service stand, in their order.
    pub rules: Vec<(ServiceName, Place)>,
}

impl Loaded {
    /// Whether anything is wrong enough to stop.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        self.problems.iter().filter(is_error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.problems.len() - self.errors()
    }
}

/// The files whose save must make the stack be read again. Some may not exist yet.
pub fn read_files(loaded: &Loaded) -> Vec<PathBuf> {
    let mut files = vec![loaded.file.clone()];
    files.extend(loaded.also_read.iter().cloned());
    files
}

/// Finds and reads the stack file.
pub fn load(options: &Options) -> Loaded {
    let file = match find(options) {
        Ok(file) => file,
        Err(not_found) => {
            // Compose files may also be named by a variable.
            if options.files.is_empty()
                && let Some(loaded) = entry::load(options)
            {
                return loaded;
            }
            let mut problem = Problem::error(None, not_found.to_string());
            problem.help(not_found.help());
            return failed(options.start().join(STACK_FILE), problem);
        }
    };
    let here = std::env::current_dir().unwrap_or_default();
    let shown = shown_from(&here, &file);
    if is_compose(&file) {
        return entry::load(options).unwrap_or_else(|| {
            let message = format!("{} cannot be read", shown.display());
            failed(file, Problem::error(None, message))
        });
    }
    if let [_, more, ..] = options.files.as_slice() {
        let message = format!(
            "{} cannot be merged onto {}",
            more.display(),
            shown.display()
        );
        let mut problem = Problem::error(None, message);
        problem.help("name several files only if all are compose files");
        return failed(file, problem);
    }
    match read_source(&file, &shown) {
        Ok(source) => read(&source, &file, options),
        Err(problem) => failed(file, *problem),
    }
}

fn failed(file: PathBuf, problem: Problem) -> Loaded {
    Loaded {
        stack: None,
        problems: vec![problem],
        file,
        also_read: Vec::new(),
        rules: Vec::new(),
    }
}

fn read_source(file: &Path, shown: &Path) -> Result<Source, Box<Problem>> {
    let unreadable = |why: String| {
        let message = format!("{} cannot be read: {why}", shown.display());
        Box::new(Problem::error(None, message))
    };
    let size = std::fs::metadata(file)
        .map_err(|error| unreadable(reason(&error)))?
        .len();
    if size > LARGEST {
        return Err(unreadable(format!(
            "it is larger than {} MB",
            LARGEST >> 20
        )));
    }
    let bytes = std::fs::read(file).map_err(|error| unreadable(reason(&error)))?;
    String::from_utf8(bytes)
        .map(|text| Source::new(shown.to_path_buf(), text))
        .map_err(|error| Box::new(not_text(shown, &error)))
}

/// The place of the first byte that is not UTF-8.
fn not_text(shown: &Path, error: &std::string::FromUtf8Error) -> Problem {
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(error.as_bytes());
    let source = Source::new(shown.to_path_buf(), text.into_owned());
    let place = source.place(&(at..at + char::REPLACEMENT_CHARACTER.len_utf8()));
    let mut problem = Problem::error(Some(place), "the stack file is not UTF-8 text");
    problem.help("save it as UTF-8");
    problem
}

/// Reads the text of a stack file as if it were this file.
pub(super) fn read(source: &Source, file: &Path, options: &Options) -> Loaded {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let profiles: BTreeSet<String> = options.profiles.iter().cloned().collect();
    let process = Variables {
        process: options.environment.clone(),
        dotenv: BTreeMap::new(),
    };
    let mut problems = Vec::new();
    let mut also_read = Vec::new();
    let variables = with_dotenv(source, directory, process, &mut problems, &mut also_read);
    let mut parsed = parse(source, &mut problems);
    let syntax = problems.len();
    let mut scope = Scope {
        source,
        directory,
        variables: &variables,
        profiles: &profiles,
        wanted: &options.services,
        service_names: BTreeSet::new(),
        rules: Vec::new(),
        problems,
        also_read,
        defaults: Defaults::default(),
        active: true,
    };
    let mut stack = Stack::default();
    if !parsed.misplaced {
        variables::fill(&mut parsed.table, &mut scope);
        stack = file::read(&parsed.table, &mut scope);
    }
    let Scope {
        mut problems,
        also_read,
        rules,
        ..
    } = scope;
    let meaning = problems.split_off(syntax);
    let is_sound = |problem: &Problem| {
        let place = problem.place.as_ref();
        place.is_none_or(|place| {
            place.file != source.file || !parsed.broken_lines.contains(&place.line)
        })
    };
    problems.extend(meaning.into_iter().filter(is_sound));
    sort(&mut problems, &source.file);
    stack.file = file.to_path_buf();
    stack.also_read.clone_from(&also_read);
    let mut loaded = Loaded {
        stack: None,
        problems,
        file: file.to_path_buf(),
        also_read,
        rules,
    };
    if !loaded.has_errors() {
        loaded.stack = Some(stack);
    }
    loaded
}

/// Adds what `.env` beside the stack file says, if there is one.
fn with_dotenv(
    source: &Source,
    directory: &Path,
    process: Variables,
    problems: &mut Vec<Problem>,
    also_read: &mut Vec<PathBuf>,
) -> Variables {
    let path = directory.join(".env");
    also_read.push(path.clone());
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) => {
            if !matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) {
                let message = format!("{} cannot be read: {}", path.display(), reason(&error));
                problems.push(Problem::warning(None, message));
            }
            return process;
        }
    };
    let mut scope = Scope {
        source,
        directory,
        variables: &process,
        profiles: &BTreeSet::new(),
        wanted: &[],
        service_names: BTreeSet::new(),
        rules: Vec::new(),
        problems: Vec::new(),
        also_read: Vec::new(),
        defaults: Defaults::default(),
        active: true,
    };
    let dotenv = values(&path, text, &mut scope).into_iter().collect();
    problems.append(&mut scope.problems);
    Variables { dotenv, ..process }
}

/// By place: what has none first, then the stack file, then other files. The same thing is told once.
fn sort(problems: &mut Vec<Problem>, main: &Path) {
    let key = |place: &Place| {
        (
            place.file != main,
            place.file.clone(),
            place.line,
            place.column,
        )
    };
    problems.sort_by_cached_key(|problem| (problem.place.as_ref().map(key), problem.severity));
    problems.dedup();
}

/// In which form a model is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFormat {
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
}

/// What compose files amount to.
#[derive(Debug)]
pub struct ComposeText {
    /// Their resolved model as `docker compose config` prints it; `None` when there is any error.
    pub text: Option<String>,
    /// Everything that is wrong with them.
    pub problems: Vec<Problem>,
}

/// What the compose files amount to that these options mean; `None` where the stack file is ours, or there is none.
pub fn compose_model(options: &Options, format: ModelFormat) -> Option<ComposeText> {
    if find(options).is_ok_and(|file| !is_compose(&file)) {
        return None;
    }
    let project = entry::read(options)?;
    let text = match format {
        ModelFormat::Json => {
            serde_json::to_string_pretty(&project.to_json()).unwrap_or_default() + "\n"
        }
        ModelFormat::Yaml => project.to_yaml(),
    };
    Some(ComposeText {
        text: (!project.has_errors()).then_some(text),
        problems: project.problems,
    })
}

/// What sets a variable of this name, a line each; the last one counts.
pub fn explain(options: &Options, name: &str) -> Vec<String> {
    let ours = find(options).ok().filter(|file| !is_compose(file));
    let Some(file) = ours else {
        return entry::explain(options, name);
    };
    let shown = file.with_file_name(".env");
    let text = read_text(&shown).unwrap_or_default();
    let lookup = |name: &str| options.environment.get(name).cloned();
    let said = super::dotenv::read(&text, &lookup).values;
    let mut lines: Vec<String> = said
        .into_iter()
        .filter(|(known, _)| known == name)
        .map(|(name, value)| {
            format!(
                "the stack file sees {name}={value} from {}",
                shown.display()
            )
        })
        .collect();
    if let Some(value) = options.environment.get(name) {
        lines.push(format!(
            "the stack file sees {name}={value} from the environment"
        ));
    }
    lines
}
