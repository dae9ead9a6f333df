//! Searching for a text or a regular expression.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// What is searched for. Upper and lower case are told apart only if it has an upper-case letter ("smart case").
#[derive(Debug, Clone)]
pub struct Search {
    pattern: Regex,
    /// The same for many lines at once, in which `^` and `$` stand for the ends of a line. `None` for a pattern that asks for
    /// the ends of the text by other means.
    lines: Option<regex::bytes::Regex>,
}

impl Search {
    /// Searches for this regular expression; the error says in one line what is wrong with it.
    pub fn regex(pattern: &str) -> Result<Self, String> {
        build(pattern, !has_upper_case(pattern))
    }

    /// Searches for this text as it stands.
    pub fn text(text: &str) -> Result<Self, String> {
        build(&regex::escape(text), !text.chars().any(char::is_uppercase))
    }

    /// Searches for this text in upper or lower case.
    pub(super) fn any_case(text: &str) -> Result<Self, String> {
        build(&regex::escape(text), true)
    }

    /// Whether it is found in this text.
    pub fn is_in(&self, text: &str) -> bool {
        self.pattern.is_match(text)
    }

    /// What finds it in many lines at once. A place that it finds may reach beyond a line, and then it may not be found in that
    /// line alone; but no line in which it is found is passed over. `None`: lines must be asked one by one.
    pub(super) fn in_lines(&self) -> Option<&regex::bytes::Regex> {
        self.lines.as_ref()
    }

    /// Where it is found in this text, in bytes; empty matches are left out.
    pub fn all_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.pattern
            .find_iter(text)
            .map(|found| found.range())
            .filter(|range| !range.is_empty())
    }
}

/// Largest compiled pattern, in bytes.
const LARGEST: usize = 4 << 20;

fn build(pattern: &str, any_case: bool) -> Result<Search, String> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .size_limit(LARGEST)
        .build()
        .map_err(|error| explained(&error))?;
    let lines = regex::bytes::RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .multi_line(true)
        .size_limit(LARGEST)
        .build();
    Ok(Search {
        pattern: built,
        lines: lines.ok().filter(|_| is_same_in_lines(pattern)),
    })
}

/// Whether a pattern that is found in a line alone is found in it among other lines too: it does not ask for the ends of the
/// text but by `^` and `$`, and does not take their meaning from them.
fn is_same_in_lines(pattern: &str) -> bool {
    let changes_flags = pattern.split("(?").skip(1).any(|group| {
        let flags = group.split([':', ')', '<']).next();
        flags.is_some_and(|flags| flags.contains('-'))
    });
    !changes_flags && !pattern.contains(r"\A") && !pattern.contains(r"\z")
}

/// The last line of the error, which says what is wrong; the lines above it draw where.
fn explained(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Whether the pattern asks for an upper-case letter; those of classes such as `\S` do not count.
fn has_upper_case(pattern: &str) -> bool {
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            letter if letter.is_uppercase() => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_only_when_asked_for() {
        for (pattern, text, found) in [
            ("error", "ERROR", true),
            ("Error", "ERROR", false),
            ("Error", "an Error", true),
            (r"\Sb", "AB", true),
            (r"status=5\d\d", "status=503", true),
            ("grün", "GRÜN", true),
        ] {
            assert_eq!(
                Search::regex(pattern).unwrap().is_in(text),
                found,
                "{pattern}"
            );
        }
        assert!(Search::text("a.b(").unwrap().is_in("A.B("));
        assert!(!Search::text("a.b").unwrap().is_in("axb"));
    }

    #[test]
    fn all_places_are_told() {
        let search = Search::regex("a+|x*").unwrap();
        assert_eq!(
            search.all_in("aabxa").collect::<Vec<_>>(),
            [0..2, 3..4, 4..5]
        );
    }

    #[test]
    fn a_wrong_pattern_is_explained_in_one_line() {
        assert_eq!(Search::regex("a(b").unwrap_err(), "unclosed group");
        assert!(
            Search::regex("(\\w{1000}){1000}")
                .unwrap_err()
                .contains("limit")
        );
    }
}
