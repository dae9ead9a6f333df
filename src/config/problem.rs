//! What is wrong with a stack file, where, and what to do about it.

use std::fmt::Write as _;
use std::path::PathBuf;

use unicode_width::UnicodeWidthChar;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The stack cannot be run.
    Error,
    /// The stack can be run, but probably not as meant.
    Warning,
}

/// A stretch of one line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as a person in the current folder would name it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length in characters, at least 1; what reaches beyond the line is cut at its end.
    pub length: usize,
    /// The line, or the part of a very long line around the place.
    pub line_text: String,
    /// How many characters of `line_text` stand before the place.
    pub before: usize,
    /// A few words about this place, shown beside its carets.
    pub label: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// Further places that belong to it, such as the other use of a port or the edges of a cycle.
    pub more_places: Vec<Place>,
    /// What to do.
    pub help: Option<String>,
}

impl Problem {
    /// An error.
    pub fn error(place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            place,
            more_places: Vec::new(),
            help: None,
        }
    }

    /// A warning.
    pub fn warning(place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(place, message)
        }
    }

    /// Says what to do.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, if that is known.
    pub fn help_if(&mut self, help: Option<String>) -> &mut Self {
        if help.is_some() {
            self.help = help;
        }
        self
    }

    /// Says something about its own place.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        if let Some(place) = &mut self.place {
            place.label = Some(label.into());
        }
        self
    }

    /// Adds a further place.
    pub fn also(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.more_places.push(Place {
            label: Some(label.into()),
            ..place
        });
        self
    }

    /// The problem as a person reads it, several lines in the shape of rustc's messages, ending in a newline.
    /// Control characters of the file are replaced, so that it can be shown in a terminal.
    pub fn render(&self, color: bool) -> String {
        let ink = Ink { color };
        let (word, code) = match self.severity {
            Severity::Error => ("error", "1;31"),
            Severity::Warning => ("warning", "1;33"),
        };
        let mut text = ink.paint(code, word);
        let _ = writeln!(
            text,
            "{}",
            ink.paint("1", &format!(": {}", tame(&self.message)))
        );
        let places = self.place.iter().chain(&self.more_places);
        let gutter = places
            .clone()
            .map(|place| place.line.to_string().len())
            .max()
            .unwrap_or(0);
        for place in places {
            place.render_into(&mut text, ink, gutter, code);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "{}: {}", ink.paint("1;36", "help"), tame(help));
        }
        text
    }

    /// The problem in one line: `FILE:LINE:COLUMN: error: what; what to do`, as editors and lists want it.
    pub fn line(&self) -> String {
        let mut text = String::new();
        if let Some(place) = &self.place {
            let _ = write!(
                text,
                "{}:{}:{}: ",
                tame(&place.file.to_string_lossy()),
                place.line,
                place.column
            );
        }
        text.push_str(match self.severity {
            Severity::Error => "error: ",
            Severity::Warning => "warning: ",
        });
        text.push_str(&tame(&self.message));
        if let Some(help) = &self.help {
            let _ = write!(text, "; {}", tame(help));
        }
        text
    }
}

impl Place {
    fn render_into(&self, text: &mut String, ink: Ink, gutter: usize, code: &str) {
        let bar = ink.paint("1;34", "|");
        let file = tame(&self.file.to_string_lossy());
        let _ = writeln!(
            text,
            "{:gutter$}{} {file}:{}:{}",
            "",
            ink.paint("1;34", "-->"),
            self.line,
            self.column
        );
        let _ = writeln!(text, "{:gutter$} {bar}", "");
        let number = ink.paint("1;34", &format!("{:>gutter$}", self.line));
        let shown = tame(&self.line_text);
        let _ = writeln!(text, "{number} {bar} {}", shown.trim_end());
        let indent = columns(self.line_text.chars().take(self.before));
        let marked = self.line_text.chars().skip(self.before).take(self.length);
        let mut carets = "^".repeat(columns(marked).max(1));
        if let Some(label) = &self.label {
            let _ = write!(carets, " {}", tame(label));
        }
        let _ = writeln!(
            text,
            "{:gutter$} {bar} {:indent$}{}",
            "",
            "",
            ink.paint(code, &carets)
        );
    }
}

/// Colour, or none.
#[derive(Clone, Copy)]
struct Ink {
    color: bool,
}

impl Ink {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The text without anything that a terminal would obey.
fn tame(text: &str) -> String {
    text.chars().flat_map(tame_char).collect()
}

/// Tabs become four spaces; other control characters and direction overrides a replacement character.
fn tame_char(c: char) -> impl Iterator<Item = char> {
    let (c, times) = match c {
        '\t' => (' ', 4),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => (char::REPLACEMENT_CHARACTER, 1),
        c if c.is_control() => (char::REPLACEMENT_CHARACTER, 1),
        c => (c, 1),
    };
    std::iter::repeat_n(c, times)
}

/// Terminal columns that these characters take once tamed.
fn columns(chars: impl Iterator<Item = char>) -> usize {
    chars
        .flat_map(tame_char)
        .map(|c| c.width().unwrap_or(0))
        .sum()
}

/// The text in quotes, short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("\"{}\"", one_line(text));
    }
    let head: String = text.chars().take(LONGEST - 1).collect();
    format!("\"{}…\"", one_line(&head))
}

fn one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\t', "\\t")
}
