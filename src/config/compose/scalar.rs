//! What a plain YAML scalar is: nothing, a boolean, a number or a text, as the reference's parser decides it.
//!
//! `yes`, `no`, `on` and `off` are texts; `0755` and `0o755` are octal; digits may be parted by `_`.

use super::node::Value;

/// The value of a scalar without quotes and without a tag.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// The number that this text is, if it is one.
pub(super) fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| float(&digits))
}

/// A whole number: decimal, `0x`, `0b`, `0o`, or octal behind a leading zero.
fn integer(text: &str) -> Option<Value> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (radix, digits) = match rest.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (16, &rest[2..]),
        Some("0b") => (2, &rest[2..]),
        Some("0o") => (8, &rest[2..]),
        _ if rest.len() > 1 && rest.starts_with('0') => (8, &rest[1..]),
        _ => (10, rest),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let signed = i64::from_str_radix(&format!("{sign}{digits}"), radix);
    if let Ok(number) = signed {
        return Some(Value::Int(number));
    }
    // What is beyond the numbers of this program is only ever passed on.
    let unsigned = u64::from_str_radix(digits, radix).ok()?;
    sign.is_empty().then(|| Value::Text(unsigned.to_string()))
}

/// A number with a fraction or an exponent.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digit = !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && all_digits(digits)
    });
    if !has_digit || !all_digits(whole) || !all_digits(fraction) || !exponent_fits {
        return None;
    }
    text.parse().ok().map(Value::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_the_reference_takes_them_for() {
        for (text, wanted) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("null", Value::Null),
            ("True", Value::Bool(true)),
            ("yes", Value::Text("yes".into())),
            ("on", Value::Text("on".into())),
            ("8080", Value::Int(8080)),
            ("-1", Value::Int(-1)),
            ("+1", Value::Int(1)),
            ("0755", Value::Int(0o755)),
            ("0o755", Value::Int(0o755)),
            ("0x1F", Value::Int(31)),
            ("0b101", Value::Int(5)),
            ("1_000", Value::Int(1000)),
            ("08", Value::Float(8.0)),
            ("0.5", Value::Float(0.5)),
            (".5", Value::Float(0.5)),
            ("1.", Value::Float(1.0)),
            ("1e3", Value::Float(1000.0)),
            ("3.13.1", Value::Text("3.13.1".into())),
            ("1:30", Value::Text("1:30".into())),
            ("-", Value::Text("-".into())),
            (".", Value::Text(".".into())),
            ("+-1", Value::Text("+-1".into())),
            ("0x", Value::Text("0x".into())),
            ("1e", Value::Text("1e".into())),
            ("50M", Value::Text("50M".into())),
            (
                "18446744073709551615",
                Value::Text("18446744073709551615".into()),
            ),
        ] {
            assert_eq!(plain(text), wanted, "{text:?}");
        }
    }
}
