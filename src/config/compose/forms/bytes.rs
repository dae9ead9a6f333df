//! Sizes of memory: `512m`, `1.5G`, `64MiB`; every unit is binary.

use super::FormError;

/// Reads a size in bytes. A unit is a letter of any case with an optional `b` or `ib`; without one the number is bytes.
pub(in crate::config) fn bytes(text: &str) -> Result<i64, FormError> {
    let fault = || {
        FormError::new(0..text.len(), format!("invalid size: '{text}'"))
            .help("write a number with a unit, such as 512m or 1.5g")
    };
    let number_end = text
        .rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' '))
        .ok_or_else(fault)?
        + 1;
    let (number, unit) = text.split_at(number_end);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let count: f64 = number.parse().map_err(|_| fault())?;
    if !plain || count < 0.0 {
        return Err(fault());
    }
    let unit = unit.to_ascii_lowercase();
    let (prefix, rest) = match unit.chars().next() {
        None => ('b', ""),
        Some(prefix) => (prefix, &unit[prefix.len_utf8()..]),
    };
    let power = match (prefix, rest) {
        ('b', "") => 0,
        (prefix, "" | "b" | "ib") => "kmgtp".find(prefix).ok_or_else(fault)? + 1,
        _ => return Err(fault()),
    };
    let factor = (0..power).fold(1.0, |factor, _| factor * 1024.0);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "fractions of bytes are dropped, and what is too large becomes the largest"
    )]
    Ok((count * factor) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("10000", Some(10_000)),
            ("10000Mb", Some(10_485_760_000)),
            ("1.5G", Some(1_610_612_736)),
            ("64 MiB", Some(67_108_864)),
            ("32b", Some(32)),
            ("2p", Some(2 << 50)),
            ("1.7k", Some(1740)),
            ("", None),
            ("k", None),
            ("-1", None),
            ("5  k", None),
            ("5bb", None),
            ("5x", None),
            ("5kbi", None),
            ("0x10", None),
            ("inf ", None),
            ("1.2.3k", None),
            ("4 µ", None),
        ] {
            assert_eq!(bytes(text).ok(), wanted, "{text:?}");
        }
        let error = bytes("5x").unwrap_err();
        assert_eq!(error.message, "invalid size: '5x'");
        assert_eq!(error.range, 0..2);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9a-zA-Z.+ \\-µ]{0,8}|.{0,12}") {
            drop(bytes(&text));
        }
    }
}
