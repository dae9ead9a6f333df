//! The text of a file that was read, and where in it a byte range stands.

use std::path::{Path, PathBuf};

use super::problem::Place;
use super::tree::Span;

/// Longest line, in characters, that a message shows whole.
const LONGEST_LINE: usize = 160;

/// A file that was read.
#[derive(Debug)]
pub(super) struct Source {
    /// The file, as a person in the current folder would name it.
    pub(super) file: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// Byte offset at which each line begins.
    line_starts: Vec<usize>,
}

impl Source {
    /// This text of this file.
    pub(super) fn new(file: PathBuf, text: String) -> Self {
        let newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        Self {
            file,
            text,
            line_starts,
        }
    }

    /// Where this byte range stands. A range outside the text is moved into it.
    pub(super) fn place(&self, span: &Span) -> Place {
        let start = floor_char(&self.text, span.start);
        let end = floor_char(&self.text, span.end).max(start);
        let line = self.line_starts.partition_point(|begin| *begin <= start) - 1;
        let line_start = self.line_starts[line];
        let whole = self.text[line_start..].split('\n').next().unwrap_or("");
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let line_end = line_start + whole.len();
        let start = start.min(line_end);
        let column = self.text[line_start..start].chars().count();
        let length = self.text[start..end.clamp(start, line_end)]
            .chars()
            .count()
            .max(1);
        let (line_text, before) = window(whole, column);
        Place {
            file: self.file.clone(),
            line: line + 1,
            column: column + 1,
            length,
            line_text,
            before,
            label: None,
        }
    }

    /// The part of `within` where this piece of text stands, or `within` itself.
    pub(super) fn find(&self, piece: &str, within: &Span) -> Span {
        self.text
            .get(within.clone())
            .and_then(|raw| raw.find(piece))
            .map_or_else(
                || within.clone(),
                |at| within.start + at..within.start + at + piece.len(),
            )
    }
}

/// The greatest character boundary that is not beyond `index`.
fn floor_char(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// The line, or the part of it around `column` (from 0), and how many of its characters stand before that.
fn window(line: &str, column: usize) -> (String, usize) {
    if line.chars().nth(LONGEST_LINE).is_none() {
        return (line.to_owned(), column);
    }
    let skip = column.saturating_sub(LONGEST_LINE / 2);
    let mut part: String = line.chars().skip(skip).take(LONGEST_LINE).collect();
    let mut before = column - skip;
    if skip > 0 {
        part.insert(0, '…');
        before += 1;
    }
    if line.chars().count() > skip + LONGEST_LINE {
        part.push('…');
    }
    (part, before)
}

/// The path as a person in the current folder would write it.
pub(super) fn shown_here(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    shown_from(&here, path).display().to_string()
}

/// The path as a person in `here` would write it: relative where that is not longer than a few steps up.
pub(super) fn shown_from(here: &Path, path: &Path) -> PathBuf {
    const MOST_STEPS_UP: usize = 3;
    let mut base = here;
    for steps in 0..=MOST_STEPS_UP {
        if let Ok(rest) = path.strip_prefix(base) {
            let up: PathBuf = std::iter::repeat_n("..", steps).collect();
            return up.join(rest);
        }
        match base.parent() {
            Some(parent) if parent.parent().is_some() => base = parent,
            _ => break,
        }
    }
    path.to_path_buf()
}
