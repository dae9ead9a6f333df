//! Lines that are one message: stack traces of the common languages, and lines that are indented below another.
//!
//! Each line has a shape of its own; which lines go together follows from the shapes in their order. Lines are those of one
//! stream of one run, the oldest first.

use std::ops::Range;

use super::super::level::Level;

/// What a line looks like, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It has a time or a level: a message of its own begins. Whether it tells of something that went wrong.
    Begins { wrong: bool },
    /// The first line of a trace.
    Opens(Trace),
    /// It is indented.
    Indented,
    /// It only makes sense below others: `Caused by: …`, `... 12 more`.
    Tail,
    /// A frame of a Go routine: `main.work(0xc000012345)`.
    Frame,
    /// The mark below a line of source: `^`.
    Caret,
    /// Nothing.
    Blank,
    /// A bracket that closes.
    Closer,
    /// Anything else.
    Plain,
}

/// Whose trace it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// `Traceback (most recent call last):`
    Python,
    /// `panic: …` and `goroutine 1 [running]:`
    Go,
    /// `thread 'main' panicked at …`
    Rust,
    /// `java.lang.RuntimeException: …`, `Error: …`, `Unhandled exception. …`
    Exception,
}

/// The longest group, in lines.
const LONGEST: usize = 2_000;

/// Of a line only so much is looked at, in bytes.
const HEAD: usize = 400;

/// The shape of a line without escape sequences.
pub fn shape(line: &str) -> Shape {
    let mut end = line.len().min(HEAD);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let (line, whole) = (line[..end].trim_end(), line);
    let inside = line.trim_start();
    if inside.is_empty() {
        return Shape::Blank;
    }
    if inside.bytes().all(|byte| byte == b'^' || byte == b'~') {
        return Shape::Caret;
    }
    if inside.len() < line.len() {
        return Shape::Indented;
    }
    if let Some(shape) = known(line) {
        return shape;
    }
    if line
        .trim_end_matches([',', ';'])
        .bytes()
        .all(|byte| b"}])".contains(&byte))
    {
        return Shape::Closer;
    }
    let level = Level::of_line(whole.as_bytes());
    if level.is_some() || has_time(line) || line.starts_with('{') {
        let wrong = level.is_some_and(|level| level >= Level::Warn);
        return Shape::Begins { wrong };
    }
    Shape::Plain
}

/// Lines that the runtimes of languages print, by how they begin.
fn known(line: &str) -> Option<Shape> {
    let begins = |starts: &[&str]| starts.iter().any(|start| line.starts_with(start));
    if begins(&["Traceback (most recent call last)"]) {
        return Some(Shape::Opens(Trace::Python));
    }
    if begins(&["panic: ", "fatal error: "]) || (begins(&["goroutine "]) && line.ends_with("]:")) {
        return Some(Shape::Opens(Trace::Go));
    }
    if begins(&["thread '"]) && line.contains(" panicked at ") {
        return Some(Shape::Opens(Trace::Rust));
    }
    if begins(&[
        "Caused by: ",
        "Suppressed: ",
        "... ",
        "During handling of the above exception",
        "The above exception was the direct cause",
        "note: run with `RUST_BACKTRACE",
        "note: Some details are omitted",
        "stack backtrace:",
        "[signal ",
        "created by ",
        "exit status ",
        "Node.js v",
        "--- End of ",
        " ---> ",
    ]) {
        return Some(Shape::Tail);
    }
    if begins(&["Exception in thread ", "Unhandled exception"]) || is_exception(line) {
        return Some(Shape::Opens(Trace::Exception));
    }
    let is_frame =
        line.ends_with(')') && !line.contains(' ') && line.contains('.') && line.contains('(');
    is_frame.then_some(Shape::Frame)
}

/// `java.lang.IllegalStateException: no`, `TypeError: x is undefined`, `MyError`.
fn is_exception(line: &str) -> bool {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let name = line.split([':', ' ']).next().unwrap_or(line);
    let is_name = |letter: char| letter.is_alphanumeric() || "._$".contains(letter);
    let last = name.rsplit(['.', '$']).next().unwrap_or(name);
    let fits = ["Exception", "Error", "Throwable"]
        .iter()
        .any(|end| last.ends_with(end));
    let after = &line[name.len()..];
    let ends =
        after.is_empty() || after.starts_with(": ") || after == ":" || after.starts_with(" [");
    fits && ends && name.starts_with(char::is_alphabetic) && name.chars().all(is_name)
}

/// Whether a date or a time of day stands at the beginning.
fn has_time(line: &str) -> bool {
    let line = line.trim_start_matches(['[', '<', '(']).as_bytes();
    let digits = |range: Range<usize>| {
        line.get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is = |at: usize, marks: &[u8]| line.get(at).is_some_and(|byte| marks.contains(byte));
    let day = digits(0..4) && is(4, b"-/.") && digits(5..7) && is(7, b"-/.") && digits(8..10);
    let clock = digits(0..2) && is(2, b":") && digits(3..5) && is(5, b":") && digits(6..8);
    day || clock
}

/// Whether a message surely begins with this line, whatever stood before `previous`.
pub fn begins(previous: Option<Shape>, shape: Shape) -> bool {
    match (previous, shape) {
        // Two plain lines after each other are no part of a trace.
        (None, _) | (_, Shape::Begins { .. }) | (Some(Shape::Plain), Shape::Plain) => true,
        _ => false,
    }
}

/// Which lines of these go together, as ranges that follow each other.
pub fn groups(shapes: &[Shape]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    while start < shapes.len() {
        let end = start + length(&shapes[start..]);
        found.push(start..end);
        start = end;
    }
    found
}

/// How many lines the group at the beginning has.
fn length(shapes: &[Shape]) -> usize {
    let mut trace = opened(shapes[0]);
    let mut end = 1;
    let mut at = 1;
    while at < shapes.len().min(LONGEST) {
        let (previous, shape) = (shapes[at - 1], shapes[at]);
        if shape == Shape::Blank {
            // It belongs to the group if that goes on below it.
            if trace.is_none() && previous != Shape::Caret {
                break;
            }
            at += 1;
            continue;
        }
        if !goes_on(shapes, at, trace) {
            break;
        }
        trace = match shape {
            Shape::Caret => trace.or(Some(Trace::Exception)),
            other => opened(other).or(trace),
        };
        at += 1;
        end = at;
    }
    end
}

fn opened(shape: Shape) -> Option<Trace> {
    match shape {
        Shape::Opens(trace) => Some(trace),
        _ => None,
    }
}

/// Whether the line at this place goes on with the group that began at 0 and has come to this trace.
fn goes_on(shapes: &[Shape], at: usize, trace: Option<Trace>) -> bool {
    let previous = shapes[at - 1];
    let after_blank = previous == Shape::Blank;
    match shapes[at] {
        Shape::Begins { .. } | Shape::Blank => false,
        Shape::Indented | Shape::Caret => true,
        Shape::Closer => matches!(previous, Shape::Indented | Shape::Closer),
        Shape::Tail => trace.is_some() || previous == Shape::Indented,
        Shape::Frame | Shape::Opens(Trace::Go) => trace == Some(Trace::Go),
        Shape::Opens(kind) => {
            let tells = matches!(shapes[at - 1], Shape::Begins { wrong: true }) && at == 1;
            let ends = kind == Trace::Exception && ends_python(trace, previous);
            let below = previous == Shape::Tail && !matches!(trace, Some(Trace::Go));
            let after_source = after_blank && trace == Some(Trace::Exception);
            let again = after_blank && at >= 2 && shapes[at - 2] == Shape::Tail;
            tells || ends || below || after_source || again
        }
        Shape::Plain => match trace {
            Some(Trace::Python) => ends_python(trace, previous),
            // The message of a panic stands in the line below.
            Some(Trace::Rust) => matches!(previous, Shape::Opens(Trace::Rust)),
            _ => false,
        },
    }
}

/// After the frames of a Python trace comes what was raised.
fn ends_python(trace: Option<Trace>, previous: Shape) -> bool {
    trace == Some(Trace::Python) && matches!(previous, Shape::Indented | Shape::Caret)
}

/// Which lines of a group tell most of it: one, or two that are shown as one.
pub fn telling(lines: &[&str]) -> Vec<usize> {
    let shapes: Vec<Shape> = lines.iter().map(|line| shape(line)).collect();
    let last = |wanted: &dyn Fn(usize) -> bool| (0..lines.len()).rev().find(|at| wanted(*at));
    let head = match shapes[..] {
        [] => return Vec::new(),
        [Shape::Begins { .. }, ..] => Some(0),
        _ => None,
    };
    let python = last(&|at| shapes[at] == Shape::Opens(Trace::Python));
    if let Some(opened) = python {
        // What was raised stands below the last trace's frames.
        let raised = last(&|at| {
            at > opened && !matches!(shapes[at], Shape::Indented | Shape::Blank | Shape::Caret)
        });
        return head.into_iter().chain(raised.or(Some(opened))).collect();
    }
    if shapes[0] == Shape::Opens(Trace::Rust) {
        let message = (1..lines.len()).find(|at| shapes[*at] == Shape::Plain);
        return std::iter::once(0).chain(message).collect();
    }
    let cause = last(&|at| lines[at].trim_start().starts_with("Caused by: "));
    let raised = (0..lines.len()).find(|at| matches!(shapes[*at], Shape::Opens(Trace::Exception)));
    match (head, raised, cause) {
        (Some(0), _, Some(cause)) => vec![0, cause],
        (Some(0), Some(raised), None) => vec![0, raised],
        (None, Some(raised), Some(cause)) => vec![raised, cause],
        (None, Some(raised), None) => vec![raised],
        _ => vec![0],
    }
}
