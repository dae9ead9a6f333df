//! What is read out of a Dockerfile without building it: its base images and its steps.

use std::collections::{BTreeMap, BTreeSet};

/// The instructions of a Dockerfile. Nothing is checked here: the builder does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The frontend image that a `# syntax=` line asks for.
    pub syntax: Option<String>,
    /// The character that joins lines.
    pub(super) escape: char,
    /// The first line that some builders read differently than others do.
    pub(super) doubtful: Option<usize>,
    pub(super) instructions: Vec<Instruction>,
}

/// One instruction, its lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The word, in capitals.
    pub(super) word: String,
    /// What follows it on its joined lines.
    pub(super) rest: String,
    /// Where it begins, from 1.
    pub(super) line: usize,
    /// How many here-documents follow it.
    pub(super) heredocs: usize,
}

impl Dockerfile {
    /// Reads instructions: joined lines, without comments and here-documents.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (syntax, escape) = directives(text);
        let mut file = Self {
            syntax,
            escape,
            doubtful: None,
            instructions: Vec::new(),
        };
        let mut lines = text.lines().zip(1..);
        let mut joined = String::new();
        let mut first = None;
        while let Some((line, number)) = lines.next() {
            let begun = line.trim_start();
            if begun.is_empty() || begun.starts_with('#') {
                continue;
            }
            // Only before the first of joined lines does space not count.
            let line = if first.is_none() { begun } else { line };
            let begins = *first.get_or_insert(number);
            if let Some(part) = line.trim_end().strip_suffix(escape) {
                if part.ends_with(escape) {
                    file.doubtful.get_or_insert(number);
                }
                joined.push_str(part);
                continue;
            }
            joined.push_str(line);
            first = None;
            for end in file.add(&std::mem::take(&mut joined), begins) {
                lines.find(|(line, _)| line.trim_start_matches('\t') == end);
            }
        }
        if let Some(begins) = first {
            file.add(&joined, begins);
        }
        file
    }

    /// Adds an instruction; answers with the words that end its here-documents.
    fn add(&mut self, whole: &str, line: usize) -> Vec<String> {
        let whole = whole.trim();
        let (word, rest) = whole.split_once(char::is_whitespace).unwrap_or((whole, ""));
        let word = word.to_ascii_uppercase();
        let ends = here_documents(&word, rest);
        self.instructions.push(Instruction {
            word,
            rest: rest.trim().to_owned(),
            line,
            heredocs: ends.len(),
        });
        ends
    }

    /// The ids of the secrets that `RUN --mount=type=secret` asks for. Sorted.
    pub fn secrets(&self) -> Vec<String> {
        let runs = self.instructions.iter().filter(|step| step.word == "RUN");
        let flags = runs.flat_map(|step| {
            let words = step.rest.split_whitespace();
            words.take_while(|word| word.starts_with("--"))
        });
        let ids: BTreeSet<String> = flags
            .filter(|flag| mount_option(flag, "type") == Some("secret"))
            .filter_map(|flag| mount_option(flag, "id"))
            .map(str::to_owned)
            .collect();
        ids.into_iter().collect()
    }

    /// The images that the build starts from or copies from, as written with the arguments filled in; without `scratch`
    /// and without the file's own stages. Sorted.
    pub fn bases(&self, args: &[(String, String)]) -> Vec<String> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        let mut stages: BTreeSet<String> = BTreeSet::new();
        let mut bases: BTreeSet<String> = BTreeSet::new();
        for instruction in &self.instructions {
            match instruction.word.as_str() {
                "ARG" if stages.is_empty() && bases.is_empty() => {
                    for (name, default) in assignments(&instruction.rest) {
                        let given = args.iter().find(|(arg, _)| *arg == name);
                        let value = given.map(|(_, value)| value.clone()).or(default);
                        values.insert(name, substitute(&value.unwrap_or_default(), &values));
                    }
                }
                "FROM" => {
                    let mut words = instruction
                        .rest
                        .split_whitespace()
                        .filter(|word| !word.starts_with("--"));
                    let base = substitute(words.next().unwrap_or_default(), &values);
                    let stage = words.nth(1).map(str::to_lowercase);
                    if !stages.contains(&base.to_lowercase()) {
                        bases.insert(base);
                    }
                    stages.insert(stage.unwrap_or_default());
                }
                "COPY" | "ADD" | "RUN" => bases.extend(copied_from(&instruction.rest, &stages)),
                _ => {}
            }
        }
        let is_image = |base: &String| !base.is_empty() && base != "scratch" && !base.contains('$');
        bases.into_iter().filter(is_image).collect()
    }
}

/// The value of an option of a `--mount=` flag.
fn mount_option<'a>(flag: &'a str, option: &str) -> Option<&'a str> {
    let mut options = flag.strip_prefix("--mount=")?.split(',');
    options.find_map(|part| part.strip_prefix(option)?.strip_prefix('='))
}

/// The `# syntax=` and `# escape=` lines, which count only before anything else.
fn directives(text: &str) -> (Option<String>, char) {
    let mut syntax = None;
    let mut escape = '\\';
    for line in text.lines() {
        let Some((name, value)) = line
            .trim()
            .strip_prefix('#')
            .and_then(|rest| rest.split_once('='))
        else {
            break;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "syntax" => syntax = Some(value.to_owned()),
            "escape" => escape = value.chars().next().unwrap_or(escape),
            _ => break,
        }
    }
    (syntax, escape)
}

/// The words that end the here-documents begun on this line.
fn here_documents(word: &str, rest: &str) -> Vec<String> {
    if !matches!(word, "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    rest.split_whitespace()
        .filter_map(|part| {
            let part = part.trim_start_matches(|c: char| c.is_ascii_digit());
            part.strip_prefix("<<")
        })
        .map(|end| {
            end.trim_start_matches('-')
                .trim_matches(['"', '\''])
                .to_owned()
        })
        .filter(|end| end.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
        .collect()
}

/// `NAME`, `NAME=VALUE`, several of them on one line.
fn assignments(rest: &str) -> Vec<(String, Option<String>)> {
    let words = shell_words::split(rest).unwrap_or_default();
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    words.into_iter().map(pair).collect()
}

/// Images named by `--from=` and by `--mount=…,from=`, unless they are stages.
fn copied_from(rest: &str, stages: &BTreeSet<String>) -> Vec<String> {
    rest.split_whitespace()
        .take_while(|word| word.starts_with("--"))
        .filter_map(|flag| mount_option(flag, "from").or_else(|| flag.strip_prefix("--from=")))
        .filter(|from| !stages.contains(&from.to_lowercase()) && from.parse::<u32>().is_err())
        .map(str::to_owned)
        .collect()
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`.
fn substitute(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (expression, after) = if let Some(inner) = rest.strip_prefix('{') {
            inner.split_once('}').unwrap_or((inner, ""))
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            rest.split_at(end.unwrap_or(rest.len()))
        };
        let name_end = expression.find(':').unwrap_or(expression.len());
        let (name, operator) = expression.split_at(name_end);
        let value = values.get(name).filter(|value| !value.is_empty());
        let other = operator.get(2..).unwrap_or_default();
        let filled = match (operator.get(..2), value) {
            (Some(":+"), None) => "",
            (Some(":+"), Some(_)) | (Some(":-"), None) => other,
            (_, value) => value.map_or("", String::as_str),
        };
        result.push_str(filled);
        rest = after;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(text: &str, args: &[(&str, &str)]) -> Vec<String> {
        let args: Vec<_> = args
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        Dockerfile::parse(text).bases(&args)
    }

    #[test]
    fn bases_are_images_only_with_arguments_filled_in() {
        type Case = (
            &'static str,
            &'static [(&'static str, &'static str)],
            &'static [&'static str],
        );
        let table: [Case; 9] = [
            ("FROM a:1", &[], &["a:1"]),
            (
                "from --platform=linux/amd64 a AS x\nFROM x\nFROM scratch",
                &[],
                &["a"],
            ),
            ("ARG BASE=b\nFROM ${BASE}", &[], &["b"]),
            ("ARG BASE=b\nFROM $BASE:2", &[("BASE", "c")], &["c:2"]),
            ("ARG V\nFROM a:${V:-9}", &[], &["a:9"]),
            (
                "FROM a\nCOPY --from=tool:1 /x /x\nCOPY --from=0 /y /y",
                &[],
                &["a", "tool:1"],
            ),
            (
                "FROM a as base\nRUN --mount=type=bind,from=b,target=/b ls\nCOPY --from=BASE / /",
                &[],
                &["a", "b"],
            ),
            (
                "FROM \\\n  # why\n  a\nRUN <<EOF\nFROM no\nEOF\nFROM c",
                &[],
                &["a", "c"],
            ),
            ("FROM ${NOWHERE}", &[], &[]),
        ];
        for (text, args, wanted) in table {
            assert_eq!(bases(text, args), wanted, "{text}");
        }
    }

    #[test]
    fn secrets_are_those_that_steps_mount() {
        let text = "FROM a\nRUN --mount=type=secret,id=one --mount=type=cache,id=no,target=/c x --mount=type=secret,id=no\nRUN --mount=id=two,type=secret \\\n y";
        assert_eq!(Dockerfile::parse(text).secrets(), ["one", "two"]);
    }

    #[test]
    fn lines_are_joined_as_the_builder_joins_them() {
        let text = "FROM a\n\n  copy a\\  \n# why\n\n  b\\\nc /x/\nRUN <<A 3<<-B\nCOPY no no\nA\n\tB\nCMD x \\";
        let file = Dockerfile::parse(text);
        let found: Vec<_> = file
            .instructions
            .iter()
            .map(|step| {
                (
                    step.line,
                    step.word.as_str(),
                    step.rest.as_str(),
                    step.heredocs,
                )
            })
            .collect();
        let wanted = [
            (1, "FROM", "a", 0),
            (3, "COPY", "a  bc /x/", 0),
            (8, "RUN", "<<A 3<<-B", 2),
            (12, "CMD", "x", 0),
        ];
        assert_eq!(found, wanted);
        assert_eq!(file.doubtful, None);
        let doubtful = Dockerfile::parse("FROM a\nRUN x \\\\\nUSER y");
        assert_eq!(doubtful.doubtful, Some(2));
    }

    #[test]
    fn directives_count_only_at_the_top() {
        let file = Dockerfile::parse("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\na");
        assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1"));
        assert_eq!(file.bases(&[]), ["a"]);
        assert_eq!(Dockerfile::parse("FROM a\n# syntax=x").syntax, None);
    }
}
