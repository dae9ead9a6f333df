//! The words of an instruction: split, unquoted, and with variables filled in as the builder's own lexer does it.
//!
//! What this lexer does not know for certain it does not guess: the answer is then the name of what is not known.

use std::collections::BTreeMap;

/// What variables are known to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Variables {
    pub(super) values: BTreeMap<String, String>,
}

/// Words as they stand, split at space that is not in quotes.
pub(super) fn split(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if matches!(letter, '\'' | '"') => quote = Some(letter),
            None if letter.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            Some(_) | None => {}
        }
        word.push(letter);
        if letter == escape && quote != Some('\'') {
            word.extend(letters.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

impl Variables {
    /// A word without its quotes and with its variables filled in.
    ///
    /// # Errors
    /// What in it is not known.
    pub(super) fn fill(&self, word: &str, escape: char) -> Result<String, String> {
        let mut filled = String::new();
        let mut quote = None;
        let mut rest = word;
        while let Some(letter) = rest.chars().next() {
            let after = &rest[letter.len_utf8()..];
            rest = after;
            match (letter, quote) {
                ('\'' | '"', None) => quote = Some(letter),
                ('\'', Some('\'')) | ('"', Some('"')) => quote = None,
                ('$', None | Some('"')) => {
                    let (value, after) = self.variable(rest)?;
                    filled.push_str(&value);
                    rest = after;
                }
                (letter, None | Some('"')) if letter == escape => {
                    return Err(format!("{letter} in {word}"));
                }
                (letter, _) => filled.push(letter),
            }
        }
        if quote.is_some() {
            return Err(format!("the quotes of {word}"));
        }
        Ok(filled)
    }

    /// The value of the variable whose `$` was just passed, and what follows it.
    fn variable<'a>(&self, rest: &'a str) -> Result<(String, &'a str), String> {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let Some(inner) = rest.strip_prefix('{') else {
            let end = rest.find(|letter| !is_name(letter));
            let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
            let value = self.value(name).ok_or_else(|| format!("${name}"))?;
            return Ok((value.to_owned(), after));
        };
        let (expression, after) = inner.split_once('}').ok_or_else(|| format!("${{{inner}"))?;
        let unknown = || format!("${{{expression}}}");
        let end = expression.find(|letter| !is_name(letter));
        let (name, operator) = expression.split_at(end.unwrap_or(expression.len()));
        if operator.contains(['$', '\'', '"', '\\']) {
            return Err(unknown());
        }
        let known = self.value(name);
        // A variable that is not known here may come from the base image, so that even a default says nothing.
        let value = known.ok_or_else(unknown)?;
        let filled = match (operator, value) {
            ("", value) => value,
            (operator, "") if operator.starts_with(":-") => &operator[2..],
            (operator, value) if operator.starts_with(":-") || operator.starts_with('-') => value,
            (operator, "") if operator.starts_with(":+") => "",
            (operator, _) if operator.starts_with(":+") => &operator[2..],
            (operator, _) if operator.starts_with('+') => &operator[1..],
            _ => return Err(unknown()),
        };
        Ok((filled.to_owned(), after))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

/// `NAME=VALUE` words and bare names; the older `ENV NAME VALUE` is one pair.
pub(super) fn pairs(word: &str, rest: &str, escape: char) -> Vec<(String, Option<String>)> {
    let words = split(rest, escape);
    if word == "ENV"
        && let Some(name) = words.first()
        && !name.contains('=')
    {
        let value = rest.trim_start()[name.len()..].trim();
        return vec![(name.clone(), Some(value.to_owned()))];
    }
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    words.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let values = [("A", "/app"), ("EMPTY", "")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Variables {
            values: values.into(),
        }
    }

    #[test]
    fn words_are_filled_or_their_unknown_is_named() {
        for (word, wanted) in [
            ("plain", Ok("plain")),
            ("$A/x", Ok("/app/x")),
            ("${A}x", Ok("/appx")),
            ("\"$A/x y\"", Ok("/app/x y")),
            ("'$A'", Ok("$A")),
            ("${EMPTY:-d}", Ok("d")),
            ("${EMPTY-d}", Ok("")),
            ("${A:-d}", Ok("/app")),
            ("${A:+d}", Ok("d")),
            ("${EMPTY:+d}", Ok("")),
            ("${EMPTY+d}", Ok("d")),
            ("$B", Err("$B")),
            ("${B:-d}", Err("${B:-d}")),
            ("${A:-$B}", Err("${A:-$B}")),
            ("${A#x}", Err("${A#x}")),
            ("${A", Err("${A")),
            ("a\\*", Err("\\ in a\\*")),
            ("\"a", Err("the quotes of \"a")),
        ] {
            let filled = variables().fill(word, '\\');
            let filled = filled.as_deref().map_err(String::as_str);
            assert_eq!(filled, wanted, "{word}");
        }
    }

    #[test]
    fn pairs_of_both_forms() {
        let some = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        assert_eq!(
            pairs("ENV", "A=1 B=\"2 3\" C='4 \"5'", '\\'),
            [some("A", "1"), some("B", "\"2 3\""), some("C", "'4 \"5'")]
        );
        assert_eq!(pairs("ENV", "A  1 2=3", '\\'), [some("A", "1 2=3")]);
        assert_eq!(
            pairs("ARG", "A B=1", '\\'),
            [("A".to_owned(), None), some("B", "1")]
        );
    }
}
