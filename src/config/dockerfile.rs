//! What a Dockerfile says about the image it makes: the ports it exposes and the command it runs.

use std::collections::BTreeMap;

use super::interpolate;

/// What is known of one build stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// Its name, lower case; empty when it has none.
    pub(super) name: String,
    /// TCP ports of `EXPOSE`, in order.
    pub(super) expose: Vec<u16>,
    /// The command line of `CMD`, or of `ENTRYPOINT` and `CMD`, as written.
    pub(super) entrypoint: Option<String>,
    /// As written behind `CMD`.
    pub(super) cmd: Option<String>,
    variables: BTreeMap<String, String>,
}

impl Stage {
    /// The command that a container of this image runs, as a shell would be given it.
    pub(super) fn command_line(&self) -> Option<String> {
        let parts = [self.entrypoint.as_deref(), self.cmd.as_deref()];
        let lines: Vec<String> = parts.into_iter().flatten().map(plain_command).collect();
        (!lines.is_empty()).then(|| lines.join(" "))
    }
}

/// The stage that a build makes: `target`, or the last one. `args` are the build arguments.
pub(super) fn stage(
    text: &str,
    target: Option<&str>,
    args: &BTreeMap<String, String>,
) -> Option<Stage> {
    let mut globals = BTreeMap::new();
    let mut stages: Vec<Stage> = Vec::new();
    for (word, rest) in instructions(text) {
        match (word.as_str(), stages.last_mut()) {
            ("FROM", _) => {
                let next = from(&rest, &stages, &globals);
                stages.push(next);
            }
            ("ARG", None) => argument(&rest, args, &mut globals),
            ("ARG", Some(stage)) => {
                let name = rest.split('=').next().unwrap_or("").trim();
                if !rest.contains('=')
                    && let Some(value) = globals.get(name)
                {
                    stage.variables.insert(name.to_owned(), value.clone());
                }
                argument(&rest, args, &mut stage.variables);
            }
            ("ENV", Some(stage)) => environment(&rest, &mut stage.variables),
            ("EXPOSE", Some(stage)) => expose(&rest, stage),
            ("CMD", Some(stage)) => stage.cmd = Some(rest),
            ("ENTRYPOINT", Some(stage)) => {
                stage.entrypoint = Some(rest);
                stage.cmd = None;
            }
            _ => {}
        }
    }
    match target {
        None => stages.pop(),
        Some(target) => stages
            .into_iter()
            .find(|stage| stage.name == target.to_lowercase()),
    }
}

/// The names of the stages there are.
pub(super) fn stage_names(text: &str) -> Vec<String> {
    instructions(text)
        .into_iter()
        .filter(|(word, _)| word == "FROM")
        .map(|(_, rest)| alias(&rest))
        .filter(|name| !name.is_empty())
        .collect()
}

/// A stage that begins with another one has what that one has.
fn from(rest: &str, stages: &[Stage], globals: &BTreeMap<String, String>) -> Stage {
    let image = rest.split_whitespace().find(|word| !word.starts_with("--"));
    let image = fill(image.unwrap_or(""), globals).to_lowercase();
    let base = stages
        .iter()
        .find(|stage| !stage.name.is_empty() && stage.name == image);
    Stage {
        name: alias(rest),
        ..base.cloned().unwrap_or_default()
    }
}

fn alias(rest: &str) -> String {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.as_slice() {
        [.., word, name] if word.eq_ignore_ascii_case("as") => name.to_lowercase(),
        _ => String::new(),
    }
}

fn argument(rest: &str, args: &BTreeMap<String, String>, into: &mut BTreeMap<String, String>) {
    let (name, default) = match rest.split_once('=') {
        Some((name, value)) => (name.trim(), Some(fill(unquote(value), into))),
        None => (rest.trim(), None),
    };
    if let Some(value) = args.get(name).cloned().or(default) {
        into.insert(name.to_owned(), value);
    }
}

fn environment(rest: &str, into: &mut BTreeMap<String, String>) {
    let Ok(words) = shell_words::split(rest) else {
        return;
    };
    if let [name, value, ..] = words.as_slice()
        && !name.contains('=')
    {
        into.insert(name.clone(), fill(value, into));
        return;
    }
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            into.insert(name.to_owned(), fill(value, into));
        }
    }
}

fn expose(rest: &str, stage: &mut Stage) {
    for word in fill(rest, &stage.variables).split_whitespace() {
        let (numbers, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
            continue;
        };
        if protocol.eq_ignore_ascii_case("tcp") && first > 0 {
            for port in first..=last {
                if !stage.expose.contains(&port) {
                    stage.expose.push(port);
                }
            }
        }
    }
}

fn fill(text: &str, variables: &BTreeMap<String, String>) -> String {
    interpolate::expand(text, &|name| variables.get(name).cloned()).text
}

fn unquote(text: &str) -> &str {
    let text = text.trim();
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(text)
}

/// A command in its JSON form as one line; another as it stands.
fn plain_command(text: &str) -> String {
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => shell_words::join(words),
        Err(_) => text.to_owned(),
    }
}

/// Instruction words in upper case, each with the rest of its logical line. Comments, the bodies of heredocs and
/// what is not an instruction are left out.
fn instructions(text: &str) -> Vec<(String, String)> {
    let escape = escape_character(text);
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(first) = lines.next() {
        if first.trim().is_empty() || first.trim_start().starts_with('#') {
            continue;
        }
        let mut logical = String::new();
        let mut line = first;
        while let Some(head) = line.trim_end().strip_suffix(escape) {
            logical.push_str(head);
            logical.push(' ');
            line = loop {
                match lines.next() {
                    Some(next) if next.trim_start().starts_with('#') => {}
                    Some(next) => break next,
                    None => break "",
                }
            };
        }
        logical.push_str(line);
        let logical = logical.trim();
        let (word, rest) = logical
            .split_once(char::is_whitespace)
            .unwrap_or((logical, ""));
        for end in heredoc_ends(word, rest) {
            lines
                .by_ref()
                .find(|line| line.trim_start_matches('\t') == end);
        }
        found.push((word.to_uppercase(), rest.trim().to_owned()));
    }
    found
}

/// The escape character that the `# escape=` directive chooses.
fn escape_character(text: &str) -> char {
    let directives = text.lines().map_while(|line| line.trim().strip_prefix('#'));
    for line in directives {
        if let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case("escape")
        {
            return value.trim().chars().next().unwrap_or('\\');
        }
    }
    '\\'
}

/// The words that end the heredocs which this instruction begins.
fn heredoc_ends(word: &str, rest: &str) -> Vec<String> {
    if !["RUN", "COPY", "ADD"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
    {
        return Vec::new();
    }
    rest.split_whitespace()
        .filter_map(|part| part.strip_prefix("<<"))
        .map(|name| name.trim_start_matches('-').trim_matches(['"', '\'']))
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .map(str::to_owned)
        .collect()
}
