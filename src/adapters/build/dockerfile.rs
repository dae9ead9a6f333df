//! What is read out of a Dockerfile without building it: its base images and its steps.

use std::collections::{BTreeMap, BTreeSet};

/// The instructions of a Dockerfile. Nothing is checked here: the builder does that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The frontend image that a `# syntax=` line asks for.
    pub syntax: Option<String>,
    instructions: Vec<Instruction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    word: String,
    rest: String,
}

impl Dockerfile {
    /// Reads instructions: joined lines, without comments and here-documents.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (syntax, escape) = directives(text);
        let mut instructions = Vec::new();
        let mut lines = text.lines();
        let mut joined = String::new();
        while let Some(line) = lines.next() {
            let trimmed = line.trim();
            if trimmed.starts_with('#') || (trimmed.is_empty() && joined.is_empty()) {
                continue;
            }
            if let Some(part) = trimmed.strip_suffix(escape) {
                joined.push_str(part);
                joined.push(' ');
                continue;
            }
            joined.push_str(trimmed);
            let whole = std::mem::take(&mut joined);
            let (word, rest) = whole
                .split_once(char::is_whitespace)
                .unwrap_or((&whole, ""));
            let word = word.to_ascii_uppercase();
            for end in here_documents(&word, rest) {
                lines
                    .by_ref()
                    .find(|line| line.trim_start_matches('\t') == end);
            }
            let rest = rest.trim().to_owned();
            instructions.push(Instruction { word, rest });
        }
        Self {
            syntax,
            instructions,
        }
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
        .filter_map(|part| part.strip_prefix("<<"))
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
    fn directives_count_only_at_the_top() {
        let file = Dockerfile::parse("# syntax=docker/dockerfile:1\n# escape=`\nFROM `\na");
        assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1"));
        assert_eq!(file.bases(&[]), ["a"]);
        assert_eq!(Dockerfile::parse("FROM a\n# syntax=x").syntax, None);
    }
}
