//! Keeping the values of secrets out of what a build says.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::{Output, Sink};
use crate::engine::BuildFailure;

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";

/// Values shorter than this are words like "yes", which would blot out half of the output and protect nothing.
const SHORTEST: usize = 4;

/// The values to hide, the longest first, so that one that contains another goes whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Mask(Arc<Vec<Vec<u8>>>);

impl Mask {
    /// Hides these secrets, line by line, since output comes in lines.
    pub(super) fn of(secrets: &HashMap<String, Vec<u8>>) -> Self {
        let lines = secrets
            .values()
            .flat_map(|value| value.split(|byte| *byte == b'\n'));
        let mut values: Vec<Vec<u8>> = lines
            .map(|line| line.trim_ascii().to_vec())
            .filter(|line| line.len() >= SHORTEST)
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(Arc::new(values))
    }

    /// A sink that hides them and hands on.
    pub(super) fn before(&self, sink: &Sink) -> Sink {
        if self.0.is_empty() {
            return Arc::clone(sink);
        }
        let (mask, sink) = (self.clone(), Arc::clone(sink));
        Arc::new(move |output| {
            sink(match output {
                Output::Line { at, bytes } => Output::Line {
                    at,
                    bytes: mask.hide(bytes),
                },
                Output::Step(step) => Output::Step(step),
            });
        })
    }

    /// A failure without them.
    pub(super) fn failure(&self, mut failure: BuildFailure) -> BuildFailure {
        let hide = |text: &mut String| {
            let hidden = self.hide(std::mem::take(text).into_bytes());
            *text = String::from_utf8_lossy(&hidden).into_owned();
        };
        hide(&mut failure.message);
        failure.last_lines.iter_mut().for_each(hide);
        failure
    }

    fn hide(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for value in self.0.iter() {
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], value) {
                let start = from + at;
                bytes.splice(start..start + value.len(), MASK.iter().copied());
                from = start + MASK.len();
            }
        }
        bytes
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_goes_and_short_values_stay() {
        let secrets = [
            ("a", "hunter2\nsecond line\n"),
            ("b", "hunter2-longer"),
            ("c", "no"),
        ];
        let secrets = secrets.map(|(id, value)| (id.to_owned(), value.as_bytes().to_vec()));
        let mask = Mask::of(&secrets.into());
        let table = [
            ("x hunter2 y hunter2", "x *** y ***"),
            ("hunter2-longer", "***"),
            ("the second line is no line", "the *** is no line"),
            ("", ""),
        ];
        for (text, wanted) in table {
            assert_eq!(mask.hide(text.into()), wanted.as_bytes(), "{text}");
        }
    }
}
