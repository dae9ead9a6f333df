//! Secrets masked in whatever is shown or written down.

use std::borrow::Cow;

use regex::Regex;

use super::style::{Style, Styled};

/// What stands where a secret was.
pub const MASK: &str = "***";

/// Lines of a secret of several lines that are shorter than this are not looked for alone.
const SHORTEST_LINE: usize = 8;

/// Finds secrets in text and masks them. Cheap to clone; without secrets it costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Option<Regex>,
    raw: Option<regex::bytes::Regex>,
}

impl Redactor {
    /// Masks these values, each also as it stands in a URL, and each line of a value of several lines.
    pub fn new(values: &[String]) -> Self {
        let mut words: Vec<String> = values.iter().flat_map(|value| forms(value)).collect();
        // The longest first: where one secret begins with another, the whole of it goes.
        words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        if words.is_empty() {
            return Self::default();
        }
        let escaped: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
        let pattern = escaped.join("|");
        Self {
            secrets: Regex::new(&pattern).ok(),
            raw: regex::bytes::Regex::new(&pattern).ok(),
        }
    }

    /// The bytes with every secret masked, whatever else they are.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match self
            .raw
            .as_ref()
            .map(|raw| raw.replace_all(&bytes, MASK.as_bytes()))
        {
            Some(Cow::Owned(masked)) => masked,
            Some(Cow::Borrowed(_)) | None => bytes,
        }
    }

    /// The text with every secret masked.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.secrets {
            Some(secrets) => secrets.replace_all(text, MASK),
            None => Cow::Borrowed(text),
        }
    }

    /// The coloured text with every secret masked.
    pub fn styled(&self, styled: Styled) -> Styled {
        let Some(secrets) = &self.secrets else {
            return styled;
        };
        let found: Vec<_> = secrets.find_iter(&styled.text).map(|m| m.range()).collect();
        if found.is_empty() {
            return styled;
        }
        let mut masked = Styled::default();
        let (mut at, mut found) = (0, found.into_iter().peekable());
        for (piece, style) in styled.pieces() {
            let end = at + piece.len();
            mask_piece(&mut masked, piece, at, style, &mut found);
            at = end;
        }
        masked
    }
}

/// Adds what a piece shows beside secrets, and the mask where a secret begins in it.
fn mask_piece(
    masked: &mut Styled,
    piece: &str,
    begins: usize,
    style: Style,
    found: &mut std::iter::Peekable<impl Iterator<Item = std::ops::Range<usize>>>,
) {
    let ends = begins + piece.len();
    let mut shown = begins;
    while let Some(secret) = found.next_if(|secret| secret.end <= ends) {
        if secret.start >= shown {
            masked.push(&piece[shown - begins..secret.start - begins], style);
            masked.push(MASK, style);
        }
        shown = secret.end;
    }
    // A secret that reaches into the next piece is masked here, and that piece shows what follows it.
    let reaching = found.peek().filter(|secret| secret.start < ends);
    let Some(secret) = reaching else {
        masked.push(&piece[shown - begins..], style);
        return;
    };
    if secret.start >= shown {
        masked.push(&piece[shown - begins..secret.start - begins], style);
        masked.push(MASK, style);
    }
}

/// The forms in which a secret may be seen.
fn forms(value: &str) -> Vec<String> {
    let value = value.trim_end_matches(['\r', '\n']);
    if value.trim().is_empty() {
        return Vec::new();
    }
    let mut forms = vec![value.to_owned(), percent_encoded(value)];
    if value.contains('\n') {
        let lines = value.lines().map(str::trim);
        forms.extend(
            lines
                .filter(|line| line.len() >= SHORTEST_LINE)
                .map(str::to_owned),
        );
    }
    forms
}

/// The value as it stands in the query of a URL (RFC 3986: all but the unreserved characters encoded).
fn percent_encoded(value: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::sanitize;
    use super::*;

    fn redactor(values: &[&str]) -> Redactor {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        Redactor::new(&values)
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let redactor = redactor(&[
            "s3cret",
            "s3cret-and-more",
            "a b&c",
            "first-line\nsecond-line\n",
        ]);
        for (given, shown) in [
            ("token=s3cret", "token=***"),
            ("s3cret s3cret", "*** ***"),
            ("s3cret-and-more", "***"),
            ("/x?p=a%20b%26c", "/x?p=***"),
            ("a b&c", "***"),
            ("key second-line", "key ***"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(redactor.text(given), shown);
        }
    }

    #[test]
    fn an_empty_value_masks_nothing() {
        assert_eq!(redactor(&["", "\n", "  "]).text("as it is"), "as it is");
    }

    #[test]
    fn a_secret_is_masked_across_colours() {
        let redactor = redactor(&["s3cret", "other"]);
        for (given, shown) in [
            ("a s3\x1b[31mcr\x1b[0met b", "a *** b"),
            ("\x1b[31ms3cret\x1b[0m", "***"),
            ("x\x1b[31m s3cret other \x1b[0my", "x *** *** y"),
            ("s3c\x1b[1mretother", "******"),
        ] {
            assert_eq!(
                redactor.styled(sanitize(given.as_bytes())).text,
                shown,
                "{given:?}"
            );
        }
        let coloured = redactor.styled(sanitize(b"k \x1b[31ms3cret!\x1b[0m"));
        assert_eq!(
            &coloured.text[coloured.spans[0].start..coloured.spans[0].end],
            "***!"
        );
    }
}
