//! Variables in text, as the reference fills them in: `$NAME`, `${NAME}`, `${NAME:-default}` and its relatives, nested,
//! with `$$` for a dollar.
//!
//! Like the reference, this reads the whole of an expression even where its value is not needed, so that a mistake in
//! a default is one although the variable is set; and an expression ends on its line.

use std::ops::Range;

use super::{FormError, Lookup};
use crate::config::interpolate::name_length;

/// How deep defaults may be nested in defaults.
const DEEPEST: usize = 64;

/// A text with its variables filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Interpolated {
    /// The text.
    pub(in crate::config) text: String,
    /// Variables that have no value and no default, each with its place: they became empty.
    pub(in crate::config) unset: Vec<(String, Range<usize>)>,
}

/// Fills in every variable of this text.
pub(in crate::config) fn interpolate(text: &str, lookup: Lookup<'_>) -> Result<String, FormError> {
    interpolate_noting(text, lookup).map(|done| done.text)
}

/// Fills in every variable of this text, and notes those that have no value.
pub(in crate::config) fn interpolate_noting(
    text: &str,
    lookup: Lookup<'_>,
) -> Result<Interpolated, FormError> {
    let mut reader = Reader {
        whole: text,
        lookup,
        unset: Vec::new(),
    };
    let text = reader.fill(0..text.len(), 0, true)?;
    Ok(Interpolated {
        text,
        unset: reader.unset,
    })
}

struct Reader<'a> {
    whole: &'a str,
    lookup: Lookup<'a>,
    unset: Vec<(String, Range<usize>)>,
}

impl Reader<'_> {
    /// The text of this range, filled in. What is not `used` is only read: nothing in it is noted as unset.
    fn fill(&mut self, range: Range<usize>, depth: usize, used: bool) -> Result<String, FormError> {
        let text = &self.whole[range.clone()];
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(dollar) = text[at..].find('$').map(|found| at + found) {
            out.push_str(&text[at..dollar]);
            let after = &text[dollar + 1..];
            let name_length = name_length(after);
            if after.starts_with('$') {
                out.push('$');
                at = dollar + 2;
            } else if after.starts_with('{') {
                let end = expression_end(text, dollar).ok_or_else(|| {
                    let line = text[dollar..].lines().next().map_or(2, str::len);
                    self.malformed(range.start + dollar..range.start + dollar + line)
                })?;
                let place = range.start + dollar..range.start + end;
                out.push_str(&self.braced(place, depth, used)?);
                at = end;
            } else if name_length > 0 {
                at = dollar + 1 + name_length;
                let place = range.start + dollar..range.start + at;
                out.push_str(&self.value(&after[..name_length], place, used));
            } else {
                out.push('$');
                at = dollar + 1;
            }
        }
        out.push_str(&text[at..]);
        Ok(out)
    }

    /// The value of `${…}`, which stands at `place`.
    fn braced(
        &mut self,
        place: Range<usize>,
        depth: usize,
        used: bool,
    ) -> Result<String, FormError> {
        if depth >= DEEPEST {
            let message = format!("variables are nested more than {DEEPEST} deep");
            return Err(FormError::new(place, message));
        }
        let inside = &self.whole[place.start + 2..place.end - 1];
        let (name, operation) = inside.split_at(name_length(inside));
        if operation.is_empty() {
            return Ok(self.value(name, place, used));
        }
        let (empty_is_unset, operator) = match operation.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, operation),
        };
        let value = (self.lookup)(name);
        let given = value
            .as_ref()
            .is_some_and(|value| !(empty_is_unset && value.is_empty()));
        let argument = place.end - operator.len()..place.end - 1;
        let kind = operator.chars().next();
        let taken = match kind {
            Some('-') => used && !given,
            Some('+') => used && given,
            _ => used,
        };
        let argument = self.fill(argument, depth + 1, taken)?;
        Ok(match (kind, value) {
            (Some('-'), Some(value)) if given => value,
            (Some('-'), _) => argument,
            (Some('+'), _) if given => argument,
            (Some('?'), Some(value)) if given => value,
            (Some('?'), _) => return Err(required(name, &argument, place)),
            (_, value) => value.unwrap_or_default(),
        })
    }

    fn value(&mut self, name: &str, place: Range<usize>, used: bool) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            if used {
                self.unset.push((name.to_owned(), place));
            }
            String::new()
        })
    }

    fn malformed(&self, place: Range<usize>) -> FormError {
        let message = format!("Invalid template: \"{}\"", &self.whole[place.clone()]);
        FormError::new(place, message)
            .help("write ${NAME}, ${NAME:-default} or ${NAME:?message}, and $$ for a plain dollar")
    }
}

fn required(name: &str, why: &str, place: Range<usize>) -> FormError {
    let mut message = format!("required variable {name} is missing a value");
    if !why.is_empty() {
        message.push_str(": ");
        message.push_str(why);
    }
    FormError::new(place, message).help(format!(
        "give {name} a value in the environment or in .env beside the file"
    ))
}

/// Where the `${…}` that begins at `start` ends; `None` if it is no expression.
///
/// It reaches to the brace that closes it, on the same line. Where its braces do not come out even it reaches to the
/// last brace of the line, and so it is where a brace stands right behind an opening one: the reference steps over it.
fn expression_end(text: &str, start: usize) -> Option<usize> {
    let inside = start + 2;
    let after_name = inside + name_length(&text[inside..]);
    if after_name == inside {
        return None;
    }
    let rest = &text[after_name..];
    if rest.starts_with('}') {
        return Some(after_name + 1);
    }
    let operator = rest.strip_prefix(':').unwrap_or(rest);
    if !operator.starts_with(['-', '+', '?']) {
        return None;
    }
    let line_end = after_name + rest.find('\n').unwrap_or(rest.len());
    let last_brace = after_name + text[after_name..line_end].rfind('}')?;
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    let mut at = start;
    while at <= last_brace {
        match bytes[at] {
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    Some(last_brace + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `A` is set, `E` is empty, nothing else is.
    fn variables(name: &str) -> Option<String> {
        match name {
            "A" => Some("a".into()),
            "E" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, wanted) in [
            ("", ""),
            ("plain", "plain"),
            ("$A ${A} $A_ $E|$A-", "a a  |a-"),
            ("$$A $${A} $$$A $$$$", "$A ${A} $a $$"),
            ("$ $1 $(a) $! a$", "$ $1 $(a) $! a$"),
            ("${A-x}${E-x}${U-x}", "ax"),
            ("${A:-x}${E:-x}${U:-x}", "axx"),
            ("${A+x}${E+x}${U+x}", "xx"),
            ("${A:+x}${E:+x}${U:+x}", "x"),
            ("${A:?x}${A?x}${E?x}", "aa"),
            ("${U:-${V:-${A}b}}", "ab"),
            ("${U:-$A-$$}", "a-$"),
            ("${U:-a}b}", "ab}"),
            ("${U:-http://${A}:${U:-80}/}", "http://a:80/"),
            ("${U:-{\"a\": \"${A}\"}} ${A}", "{\"a\": \"a\"} a"),
            ("${U:-{}}", "{}"),
            ("${U:-{} tail", "{ tail"),
            ("${U:-a:-b?c+d}", "a:-b?c+d"),
            ("${A}\n${U:-x}\n}", "a\nx\n}"),
            ("é${A}ü", "éaü"),
        ] {
            assert_eq!(
                interpolate(text, &variables).as_deref(),
                Ok(wanted),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_filled_in_is_shown() {
        let invalid = |part: &str| format!("Invalid template: \"{part}\"");
        for (text, message, part) in [
            (
                "a ${U:?} b",
                "required variable U is missing a value".to_owned(),
                "${U:?}",
            ),
            (
                "a ${E:?not $A} b",
                "required variable E is missing a value: not a".into(),
                "${E:?not $A}",
            ),
            (
                "${A:-${U?}}",
                "required variable U is missing a value".into(),
                "${U?}",
            ),
            ("a ${", invalid("${"), "${"),
            ("${} b", invalid("${} b"), "${} b"),
            ("a ${A\nb", invalid("${A"), "${A"),
            ("${A:}", invalid("${A:}"), "${A:}"),
            ("${1A}", invalid("${1A}"), "${1A}"),
            ("${A!}", invalid("${A!}"), "${A!}"),
            ("${U:-x\n}", invalid("${U:-x"), "${U:-x"),
        ] {
            let error = interpolate(text, &variables).unwrap_err();
            assert_eq!(
                (error.message, &text[error.range]),
                (message, part),
                "{text:?}"
            );
        }
    }

    #[test]
    fn variables_without_a_value_are_noted_where_they_are_used() {
        let noted = |text: &str| {
            let done = interpolate_noting(text, &variables).unwrap();
            done.unset
                .into_iter()
                .map(|(name, range)| format!("{name} at {}", &text[range]))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            noted("$U ${U} ${U:-$V} ${A:-$W} ${U+$X} $A $E"),
            ["U at $U", "U at ${U}", "V at $V"]
        );
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = "${U:-".repeat(1000) + &"}".repeat(1000);
        let error = interpolate(&deep, &variables).unwrap_err();
        assert_eq!(error.message, "variables are nested more than 64 deep");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[AEU$\\{\\}:?+\\- \né]{0,24}|.{0,16}") {
            if let Err(error) = interpolate(&text, &variables) {
                prop_assert!(text.get(error.range).is_some());
            }
        }

        #[test]
        fn doubled_dollars_come_back_single(text in "[AEU$\\{\\}:?+\\- \né]{0,24}") {
            let escaped = text.replace('$', "$$");
            prop_assert_eq!(interpolate(&escaped, &variables), Ok(text));
        }

        #[test]
        fn a_default_may_be_nested_however_deep(depth in 1..60_usize, text in "[a-z]{0,5}") {
            let nested = "${U:-".repeat(depth) + &text + &"}".repeat(depth);
            prop_assert_eq!(interpolate(&nested, &variables), Ok(text));
        }
    }
}
