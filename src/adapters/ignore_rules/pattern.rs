//! One pattern of a `.dockerignore` file, compiled.
//!
//! The rules are those of `moby/patternmatcher`, oddities included: a pattern is checked by the syntax of Go's
//! `filepath.Match` and then matched as a regular expression that is written from it, character by character.

use regex::Regex;

/// A compiled pattern. It is asked about whole paths that use `/`; parents are the caller's business.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    cleaned: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    Prefix(String),
    Suffix(String),
    Regex(Regex),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

impl Pattern {
    /// Compiles a pattern without its `!`; the error says in words what is wrong with it.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let cleaned = clean(text);
        check_syntax(&cleaned)?;
        let (shape, expression) = expression(&cleaned);
        let matcher = match shape {
            Shape::Exact => Matcher::Exact,
            Shape::Prefix => Matcher::Prefix(cleaned[..cleaned.len() - 2].to_owned()),
            Shape::Suffix => Matcher::Suffix(cleaned[2..].to_owned()),
            Shape::Regex => {
                let dialect = from_go(&expression)?;
                Matcher::Regex(Regex::new(&dialect).map_err(|_| "it cannot be understood")?)
            }
        };
        Ok(Self { cleaned, matcher })
    }

    /// Whether it matches exactly this path.
    pub(super) fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.cleaned,
            Matcher::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => {
                path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path)
            }
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }

    /// The pattern after cleaning.
    pub(super) fn cleaned(&self) -> &str {
        &self.cleaned
    }

    /// Whether it might match something below this folder, judged by its literal components: never a wrong "no".
    pub(super) fn might_match_below(&self, folder: &str) -> bool {
        let mut wanted = self.cleaned.split('/');
        for component in folder.split('/') {
            match wanted.next() {
                None => return true,
                Some(part) if part.contains("**") => return true,
                Some(part) if part.contains(['*', '?', '[', '\\', ']', '^']) => {}
                Some(part) if part == component => {}
                Some(_) => return false,
            }
        }
        true
    }
}

/// A path without doubled slashes, `.` and `..` components, as Go's `path.Clean` makes it.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." if kept.last().is_some_and(|last| *last != "..") => {
                kept.pop();
            }
            ".." if rooted => {}
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// Refuses what `filepath.Match` refuses.
fn check_syntax(pattern: &str) -> Result<(), String> {
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' if chars.next().is_none() => return Err("it ends in a lone backslash".into()),
            '[' => check_class(&mut chars)?,
            _ => {}
        }
    }
    Ok(())
}

/// Reads a class after its `[`, past its `]`.
fn check_class(chars: &mut std::str::Chars<'_>) -> Result<(), String> {
    if chars.as_str().starts_with('^') {
        chars.next();
    }
    let mut ranges = 0;
    loop {
        if ranges > 0 && chars.as_str().starts_with(']') {
            chars.next();
            return Ok(());
        }
        class_member(chars)?;
        if chars.as_str().starts_with('-') {
            chars.next();
            class_member(chars)?;
        }
        ranges += 1;
    }
}

fn class_member(chars: &mut std::str::Chars<'_>) -> Result<(), String> {
    let unclosed = || "its '[' is not closed".to_owned();
    match chars.next().ok_or_else(unclosed)? {
        bad @ ('-' | ']') => Err(format!("'{bad}' cannot stand there between brackets")),
        '\\' => chars.next().map(drop).ok_or_else(unclosed),
        _ => Ok(()),
    }
}

/// Which shape a cleaned pattern has, and its regular expression in Go's dialect.
fn expression(pattern: &str) -> (Shape, String) {
    let mut shape = Shape::Exact;
    let mut text = String::from("^");
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(next) = chars.next() {
        match next {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                shape = match (chars.peek(), shape) {
                    (None, Shape::Exact) => Shape::Prefix,
                    (None, _) => {
                        text.push_str(".*");
                        Shape::Regex
                    }
                    (Some(_), _) => {
                        text.push_str("(.*/)?");
                        Shape::Regex
                    }
                };
                if first {
                    shape = Shape::Suffix;
                }
            }
            '*' => {
                text.push_str("[^/]*");
                shape = Shape::Regex;
            }
            '?' => {
                text.push_str("[^/]");
                shape = Shape::Regex;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                text.push('\\');
                text.push(next);
            }
            '\\' => {
                text.push('\\');
                text.extend(chars.next());
                shape = Shape::Regex;
            }
            '[' | ']' => {
                text.push(next);
                shape = Shape::Regex;
            }
            other => text.push(other),
        }
        first = false;
    }
    text.push('$');
    (shape, text)
}

/// The same regular expression in the dialect of the `regex` crate, which gives `[`, `&`, `-` and `~` inside of a class,
/// a lone `]`, and the letters after a backslash other meanings.
fn from_go(expression: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut in_class = false;
    let mut class_is_empty = false;
    let mut chars = expression.chars().peekable();
    while let Some(next) = chars.next() {
        let was_empty = std::mem::take(&mut class_is_empty);
        match (next, in_class) {
            ('\\', _) => text.push_str(&escaped(chars.next(), in_class)?),
            ('[', false) => {
                in_class = true;
                class_is_empty = true;
                text.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    text.push('^');
                }
            }
            (']', true) if !was_empty => {
                in_class = false;
                text.push(']');
            }
            ('[', true) if chars.peek() == Some(&':') => text.push('['),
            ('[' | ']' | '&' | '~', true) | (']', false) => {
                text.push('\\');
                text.push(next);
            }
            (other, _) => text.push(other),
        }
    }
    Ok(text)
}

/// What a backslash and this character mean in Go, where classes are ASCII.
fn escaped(letter: Option<char>, in_class: bool) -> Result<String, String> {
    let letter = letter.ok_or("it ends in a lone backslash")?;
    let members = match letter {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        's' => r"\t\n\f\r ",
        'D' if !in_class => return Ok("[^0-9]".into()),
        'W' if !in_class => return Ok("[^0-9A-Za-z_]".into()),
        'S' if !in_class => return Ok(r"[^\t\n\f\r ]".into()),
        'a' | 'f' | 't' | 'n' | 'r' | 'v' => return Ok(format!("\\{letter}")),
        'b' | 'B' if !in_class => return Ok(format!("(?-u:\\{letter})")),
        other if other.is_ascii_alphanumeric() => {
            return Err(format!("'\\{other}' means nothing in a pattern"));
        }
        other if other.is_ascii_punctuation() => return Ok(format!("\\{other}")),
        other => return Ok(other.into()),
    };
    Ok(if in_class {
        members.into()
    } else {
        format!("[{members}]")
    })
}
