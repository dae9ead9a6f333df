//! Numbers of bytes as text: `10GB`, `1.5GiB`, `0`.

/// Units with their bytes: the decimal ones as Docker shows sizes, and the binary ones.
const UNITS: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

/// Largest size that makes sense here: a thousand terabytes.
const LARGEST: f64 = 1e15;

/// Reads a size. The case of the unit does not matter.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let fault = || format!("\"{text}\" is not a size");
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(0);
    }
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(|| format!("\"{text}\" has no unit"))?;
    let number: f64 = trimmed[..digits].parse().map_err(|_| fault())?;
    let unit = trimmed[digits..].trim_start();
    let (_, factor) = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or_else(fault)?;
    let bytes = (number * factor).round();
    if bytes > LARGEST {
        return Err(format!("\"{text}\" is too large"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole, not negative and not too large"
    )]
    Ok(bytes as u64)
}

/// The size as [`parse`] reads it back.
pub(super) fn show(bytes: u64) -> String {
    for (unit, factor) in [
        ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1000),
    ] {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        for (text, wanted) in [
            ("0", Ok(0)),
            ("0B", Ok(0)),
            ("1500B", Ok(1500)),
            ("10GB", Ok(10_000_000_000)),
            (" 10 gb ", Ok(10_000_000_000)),
            ("1.5kB", Ok(1500)),
            ("2GiB", Ok(2_147_483_648)),
            ("1000TB", Ok(1_000_000_000_000_000)),
            ("10", Err("has no unit")),
            ("", Err("has no unit")),
            ("GB", Err("is not a size")),
            ("-1GB", Err("is not a size")),
            ("1.2.3GB", Err("is not a size")),
            ("10 apples", Err("is not a size")),
            ("1001TB", Err("is too large")),
        ] {
            match (parse(text), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{text}"),
                (Err(found), Err(part)) => assert!(found.ends_with(part), "{text}: {found}"),
                (found, wanted) => panic!("{text:?}: {found:?} instead of {wanted:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(bytes in 0..1_000_000_000_000_000_u64) {
            prop_assert_eq!(parse(&show(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_answered(text in ".{0,12}") {
            drop(parse(&text));
        }
    }
}
