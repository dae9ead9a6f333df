//! `.env` files and `env_file`s of compose files.

use indexmap::IndexMap;

use super::super::super::dotenv::{Statement, Written, statements};
use super::{FormError, Lookup, interpolate};

/// What a file says, in its order: names and values, and `None` for a name without `=`, whose value is that of the
/// surroundings. Variables in values are looked up in `lookup`, then in what the file said before.
pub(in crate::config) fn dotenv(
    text: &str,
    lookup: Lookup<'_>,
) -> Result<IndexMap<String, Option<String>>, FormError> {
    let mut values = IndexMap::new();
    for statement in statements(text) {
        let Statement { name, value } = statement.map_err(|(range, message)| {
            FormError::new(range, message)
                .help("a line is NAME=value, or a comment that begins with #")
        })?;
        let value = match value {
            Some(written) => Some(filled(text, written, &values, lookup)?),
            None => None,
        };
        values.insert(name, value);
    }
    Ok(values)
}

/// The value with its variables filled in.
fn filled(
    text: &str,
    written: Written,
    before: &IndexMap<String, Option<String>>,
    lookup: Lookup<'_>,
) -> Result<String, FormError> {
    if written.is_literal {
        return Ok(written.text);
    }
    let known = |name: &str| lookup(name).or_else(|| before.get(name)?.clone());
    interpolate(&written.text, &known).map_err(|error| {
        // Once quotes and escapes are gone, bytes of the value are no longer bytes of the file.
        let is_as_it_stands = text[written.span.start..].starts_with(&written.text);
        if is_as_it_stands {
            return error.moved(written.span.start);
        }
        FormError {
            range: written.span,
            ..error
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `NAME=value` of each, `NAME` for a name alone, or the message with its place.
    fn shown(text: &str) -> String {
        let lookup = |name: &str| (name == "HOME").then(|| "/home/ann".to_owned());
        match dotenv(text, &lookup) {
            Ok(values) => values
                .into_iter()
                .map(|(name, value)| value.map_or(name.clone(), |value| format!("{name}={value}")))
                .collect::<Vec<_>>()
                .join("|"),
            Err(error) => format!("{} at {:?}", error.message, &text[error.range]),
        }
    }

    #[test]
    fn files_are_read_or_refused() {
        for (text, wanted) in [
            ("", ""),
            ("# only\n\n  # comments", ""),
            (
                "A=1\nB: 2\n\texport C = 3\r\nexported=4",
                "A=1|B=2|C=3|exported=4",
            ),
            (
                "A=a b # no\nB=a#b\nC=#c\nD=\nE= \nF=x",
                "A=a b|B=a#b|C=#c|D=|E=|F=x",
            ),
            ("A\nB=1\nA\nexport C", "A|B=1|C"),
            ("A=1\nA=2\nB=$A", "A=2|B=2"),
            ("A='$HOME \\n it\\'s' # x\nB=1", "A=$HOME \\n it's|B=1"),
            (
                "A=\"$HOME \\\"q\\\" \\$x \\\\ \\q\" B=1",
                "A=/home/ann \"q\" $x \\ \\q|B=1",
            ),
            (
                "A=\"a\nb\"\nB=\"\\t\\0101\\012\\0777\"",
                "A=a\nb|B=\t\u{41}\\12\\777",
            ),
            (
                "A=${HOME}/${B:-x}\nHOME=/else\nC=$HOME",
                "A=/home/ann/x|HOME=/else|C=/home/ann",
            ),
            ("\u{feff}A=1", "A=1"),
            ("a.b-c[0]=1", "a.b-c[0]=1"),
            ("=1", "a variable name is missing before \"=\" at \"=\""),
            (
                "x\nA B=1",
                "a variable name cannot contain a space: \"A B\" at \"A B\"",
            ),
            (
                "A=1\nA;B=1",
                "the character ';' cannot stand in a variable name at \"A;B\"",
            ),
            ("A='1\nB=1", "this quote is never closed at \"'1\""),
            (
                "A=1\nB=x${A:?\n",
                "Invalid template: \"${A:?\" at \"${A:?\"",
            ),
            (
                "A=\"\\t${B:?}\"",
                "required variable B is missing a value at \"\\\"\\\\t${B:?}\\\"\"",
            ),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[AB=:'\"\\\\$0#\n \u{feff}é]{0,24}|.{0,16}") {
            if let Err(error) = dotenv(&text, &|_| None) {
                prop_assert!(text.get(error.range).is_some());
            }
        }

        #[test]
        fn values_in_single_quotes_come_back(value in "[^'\\\\]{0,16}") {
            let read = dotenv(&format!("A='{value}'"), &|_| None).unwrap();
            prop_assert_eq!(&read["A"], &Some(value));
        }
    }
}
