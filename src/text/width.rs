//! How wide text is on a terminal, and text made to fit.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns this text takes, counted grapheme by grapheme as terminals draw it.
pub fn width(text: &str) -> usize {
    if is_simple(text) {
        return text.len();
    }
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The longest beginning of this text that fits into this many columns.
pub fn cut(text: &str, columns: usize) -> &str {
    if is_simple(text) {
        return &text[..columns.min(text.len())];
    }
    let mut taken = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        taken += grapheme.width();
        if taken > columns {
            return &text[..at];
        }
    }
    text
}

/// This text if it fits into this many columns, else its beginning with `ellipsis` at the end.
pub fn truncate<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let fitting = cut(text, columns);
    if fitting.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let ellipsis = cut(ellipsis, columns);
    let kept = cut(text, columns - width(ellipsis));
    Cow::Owned(format!("{kept}{ellipsis}"))
}

/// This text with spaces after it up to this many columns; cut with `…` if it is wider.
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = truncate(text, columns, "…").into_owned();
    let missing = columns.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// How many bytes the first `columns` columns take, and how many columns of the last grapheme reach beyond them.
pub(super) fn skip_columns(text: &str, columns: usize) -> (usize, usize) {
    if is_simple(text) {
        return (columns.min(text.len()), 0);
    }
    let mut taken = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        // What has no width of its own belongs to the letter before it.
        if taken >= columns && grapheme.width() > 0 {
            return (at, taken - columns);
        }
        taken += grapheme.width();
    }
    (text.len(), taken.saturating_sub(columns))
}

/// Whether each byte is one column.
fn is_simple(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wide_letters_take_two_columns_and_marks_none() {
        assert_eq!(width("abc"), 3);
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(width("👩\u{200d}🚀"), 2);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(truncate("orders", 6, "…"), "orders");
        assert_eq!(truncate("orders", 4, "…"), "ord…");
        assert_eq!(truncate("日本語", 4, "…"), "日…");
        assert_eq!(truncate("orders", 0, "…"), "");
        assert_eq!(truncate("orders", 1, "..."), ".");
        assert_eq!(pad("日", 4), "日  ");
        assert_eq!(pad("payments", 4), "pay…");
    }

    proptest! {
        #[test]
        fn a_truncated_text_always_fits(text in "\\PC{0,40}", columns in 0usize..50) {
            prop_assert!(width(&truncate(&text, columns, "…")) <= columns);
            prop_assert_eq!(width(&pad(&text, columns)), columns);
        }

        #[test]
        fn nothing_that_fits_is_changed(text in "\\PC{0,40}") {
            let columns = width(&text);
            prop_assert!(matches!(truncate(&text, columns, "…"), Cow::Borrowed(_)));
        }
    }
}
