//! `.dockerignore` by Docker's own rules (`moby/patternmatcher` and its `ignorefile`).

use std::io;
use std::path::{Path, PathBuf};

use super::pattern::{Pattern, clean};

/// The rules of one `.dockerignore` file. The last rule that matches a path, or one of its parents, decides about it.
#[derive(Debug, Clone, Default)]
pub struct DockerIgnore {
    rules: Vec<Rule>,
    problems: Vec<BadPattern>,
    source: Option<PathBuf>,
}

/// A pattern that Docker would refuse. A build with one fails; for everything else it is left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?} is no pattern: {why}")]
pub struct BadPattern {
    /// Line of the file, from 1.
    pub line: usize,
    /// The line's text.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

/// Which rule decided, counted from 0: what a walk hands on from a folder to what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleIndex(usize);

#[derive(Debug, Clone)]
struct Rule {
    pattern: Pattern,
    is_exception: bool,
    line: usize,
    text: String,
}

impl DockerIgnore {
    /// Reads the text of a `.dockerignore` file.
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Self::default();
        for (index, line) in text.lines().enumerate() {
            if let Some(pattern) = normalized(line) {
                rules.add(&pattern, index + 1, line);
            }
        }
        rules
    }

    /// Rules from ready patterns, such as a builder sends; line numbers count the patterns.
    pub fn from_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rules = Self::default();
        for (index, pattern) in patterns.into_iter().enumerate() {
            let trimmed = pattern.trim();
            if !trimmed.is_empty() {
                rules.add(&clean(trimmed), index + 1, pattern);
            }
        }
        rules
    }

    /// The rules that hold for a build: `<Dockerfile>.dockerignore`, else `.dockerignore` of the context, else none.
    pub fn for_build(context: &Path, dockerfile: &Path) -> io::Result<Self> {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        for candidate in [PathBuf::from(own), context.join(".dockerignore")] {
            match std::fs::read(&candidate) {
                Ok(bytes) => {
                    let mut rules = Self::parse(&String::from_utf8_lossy(&bytes));
                    rules.source = Some(candidate);
                    return Ok(rules);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let place = candidate.display();
                    return Err(io::Error::new(error.kind(), format!("{place}: {error}")));
                }
            }
        }
        Ok(Self::default())
    }

    /// The file that was read, if there was one.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }

    /// The patterns that Docker would refuse.
    pub fn problems(&self) -> &[BadPattern] {
        &self.problems
    }

    /// The patterns after normalizing, exceptions with their `!`.
    pub fn patterns(&self) -> impl Iterator<Item = String> + '_ {
        self.rules.iter().map(|rule| {
            let mark = if rule.is_exception { "!" } else { "" };
            format!("{mark}{}", rule.pattern.cleaned())
        })
    }

    /// Whether nothing is ever excluded.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether this path, relative to the context and with `/`, stays out of the context. To Docker's rules files and
    /// folders are alike; `is_dir` is there so that all ignore rules are asked in one way.
    pub fn excludes(&self, path: &str, _is_dir: bool) -> bool {
        self.is_excluding(self.deciding(path))
    }

    /// Whether an excluded folder must be entered all the same, because an `!` pattern may bring back something in it.
    pub fn could_contain_included(&self, folder: &str) -> bool {
        self.could_contain(self.deciding(folder), folder)
    }

    /// The line that decides about this path, if one does: its number from 1 and its text. A line with `!` includes.
    pub fn which_line(&self, path: &str) -> Option<(usize, &str)> {
        let RuleIndex(index) = self.deciding(path)?;
        let rule = &self.rules[index];
        Some((rule.line, &rule.text))
    }

    /// The rule that decides about a path, given the one that decided about its folder: what a walk asks, so that each
    /// rule is tried on each component once.
    pub fn decide(&self, folder: Option<RuleIndex>, path: &str) -> Option<RuleIndex> {
        let from = folder.map_or(0, |RuleIndex(index)| index + 1);
        let own = (from..self.rules.len())
            .rev()
            .find(|index| self.rules[*index].pattern.matches(path));
        own.map(RuleIndex).or(folder)
    }

    /// Whether this decision keeps the path out.
    pub fn is_excluding(&self, decision: Option<RuleIndex>) -> bool {
        decision.is_some_and(|RuleIndex(index)| !self.rules[index].is_exception)
    }

    /// [`Self::could_contain_included`] for a folder whose decision is known. What decided about the folder also matches
    /// all that is in it, so only a later exception can bring something back.
    pub fn could_contain(&self, decision: Option<RuleIndex>, folder: &str) -> bool {
        let Some(RuleIndex(index)) = decision.filter(|_| self.is_excluding(decision)) else {
            return true;
        };
        self.rules[index + 1..]
            .iter()
            .any(|rule| rule.is_exception && rule.pattern.might_match_below(folder))
    }

    fn deciding(&self, path: &str) -> Option<RuleIndex> {
        let path = if path.len() > 1 {
            path.trim_end_matches('/')
        } else {
            path
        };
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .filter(|at| *at > 0);
        let mut decision = None;
        for end in ends.chain([path.len()]) {
            decision = self.decide(decision, &path[..end]);
        }
        decision.filter(|_| path != ".")
    }

    fn add(&mut self, pattern: &str, line: usize, text: &str) {
        let (is_exception, bare) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let compiled = if bare.is_empty() {
            Err("nothing follows its '!'".to_owned())
        } else {
            Pattern::compile(bare)
        };
        let text = text.trim().to_owned();
        match compiled {
            Ok(pattern) => self.rules.push(Rule {
                pattern,
                is_exception,
                line,
                text,
            }),
            Err(why) => self.problems.push(BadPattern { line, text, why }),
        }
    }
}

/// A line as a pattern relative to the context; `None`: a comment or nothing.
fn normalized(line: &str) -> Option<String> {
    let trimmed = line.trim();
    if line.starts_with('#') || trimmed.is_empty() {
        return None;
    }
    let (mark, bare) = match trimmed.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", trimmed),
    };
    if bare.is_empty() {
        return Some(mark.to_owned());
    }
    let cleaned = clean(bare);
    let relative = match cleaned.strip_prefix('/') {
        Some(rest) if !rest.is_empty() => rest,
        _ => &cleaned,
    };
    Some(format!("{mark}{relative}"))
}
