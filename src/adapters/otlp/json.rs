//! OTLP's JSON encoding: ids in hexadecimal, 64-bit integers as text or numbers, enumerations as numbers, and whatever the
//! JSON encoding of Protocol Buffers allows besides: names of fields and enumerations as in the `.proto` files, `null` for
//! nothing, base64 for bytes, `"NaN"` and `"Infinity"`.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::message::{AnyValue, Value};

/// Reads a message.
///
/// # Errors
/// What is wrong and where.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).or_else(|error| {
        // `null` stands for nothing anywhere; messages of the usual programs have none, and are read without a detour.
        let mut value: Json = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !drop_nulls(&mut value) {
            return Err(error.to_string());
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    })
}

/// Takes away every `null`; says whether there was one.
fn drop_nulls(value: &mut Json) -> bool {
    match value {
        Json::Object(fields) => {
            let before = fields.len();
            fields.retain(|_, value| !value.is_null());
            let dropped = fields.len() < before;
            fields
                .values_mut()
                .fold(dropped, |found, value| drop_nulls(value) | found)
        }
        Json::Array(values) => values
            .iter_mut()
            .fold(false, |found, value| drop_nulls(value) | found),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

/// A number in any of its forms.
struct Number<T>(PhantomData<T>);

/// What a number can be made of.
trait FromNumber: Sized {
    const EXPECTED: &'static str;
    fn from_unsigned(number: u64) -> Option<Self>;
    fn from_signed(number: i64) -> Option<Self>;
    fn from_double(number: f64) -> Option<Self>;
    fn from_text(text: &str) -> Option<Self>;
}

/// A whole number that JSON writes as 1.0 or 1e9.
fn whole(number: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole, and less than 2^53"
    )]
    let whole =
        (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64);
    whole
}

impl FromNumber for u64 {
    const EXPECTED: &'static str = "an unsigned 64-bit integer, as a number or as text";
    fn from_unsigned(number: u64) -> Option<Self> {
        Some(number)
    }
    fn from_signed(number: i64) -> Option<Self> {
        number.try_into().ok()
    }
    fn from_double(number: f64) -> Option<Self> {
        whole(number)?.try_into().ok()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .or_else(|| Self::from_double(text.parse().ok()?))
    }
}

impl FromNumber for i64 {
    const EXPECTED: &'static str = "a 64-bit integer, as a number or as text";
    fn from_unsigned(number: u64) -> Option<Self> {
        number.try_into().ok()
    }
    fn from_signed(number: i64) -> Option<Self> {
        Some(number)
    }
    fn from_double(number: f64) -> Option<Self> {
        whole(number)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| whole(text.parse().ok()?))
    }
}

impl FromNumber for f64 {
    const EXPECTED: &'static str = "a number, or \"NaN\", \"Infinity\", \"-Infinity\"";
    fn from_unsigned(number: u64) -> Option<Self> {
        Some(number as Self)
    }
    fn from_signed(number: i64) -> Option<Self> {
        Some(number as Self)
    }
    fn from_double(number: f64) -> Option<Self> {
        Some(number)
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<T: FromNumber> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::from_unsigned(number)
            .ok_or_else(|| E::custom(format_args!("{number} is not {}", T::EXPECTED)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::from_signed(number)
            .ok_or_else(|| E::custom(format_args!("{number} is not {}", T::EXPECTED)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        T::from_double(number)
            .ok_or_else(|| E::custom(format_args!("{number} is not {}", T::EXPECTED)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).ok_or_else(|| E::custom(format_args!("{text:?} is not {}", T::EXPECTED)))
    }
}

impl<'de, T: FromNumber> DeserializeSeed<'de> for Number<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn number<'de, T: FromNumber, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Number(PhantomData).deserialize(deserializer)
}

pub(super) fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number(deserializer)
}

pub(super) fn double<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(deserializer)
}

pub(super) fn some_double<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    number(deserializer).map(Some)
}

pub(super) fn some_signed<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    number(deserializer).map(Some)
}

pub(super) fn unsigned_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u64>, D::Error> {
    deserializer.deserialize_seq(Numbers(PhantomData))
}

pub(super) fn double_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<f64>, D::Error> {
    deserializer.deserialize_seq(Numbers(PhantomData))
}

/// Several numbers.
struct Numbers<T>(PhantomData<T>);

impl<'de, T: FromNumber> Visitor<'de> for Numbers<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = sequence.next_element_seed(Number(PhantomData))? {
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// An enumeration, as a number or as one of its names after their common beginning.
struct Enumeration(&'static str, &'static [&'static str]);

impl Visitor<'_> for Enumeration {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number or a name that begins with {}", self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::try_from(number).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::try_from(number).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i32, E> {
        whole(number)
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| E::custom("not a whole number"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i32, E> {
        let name = text.strip_prefix(self.0).unwrap_or(text);
        let found = self.1.iter().position(|known| *known == name);
        let found = found.and_then(|at| i32::try_from(at).ok());
        // Values that are not known here are taken for unspecified ones, as unknown numbers are.
        Ok(found.or_else(|| text.parse().ok()).unwrap_or(0))
    }
}

pub(super) fn span_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let names = &[
        "UNSPECIFIED",
        "INTERNAL",
        "SERVER",
        "CLIENT",
        "PRODUCER",
        "CONSUMER",
    ];
    deserializer.deserialize_any(Enumeration("SPAN_KIND_", names))
}

pub(super) fn status_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    deserializer.deserialize_any(Enumeration("STATUS_CODE_", &["UNSET", "OK", "ERROR"]))
}

pub(super) fn temporality<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let names = &["UNSPECIFIED", "DELTA", "CUMULATIVE"];
    deserializer.deserialize_any(Enumeration("AGGREGATION_TEMPORALITY_", names))
}

pub(super) fn severity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let names = &[
        "UNSPECIFIED",
        "TRACE",
        "TRACE2",
        "TRACE3",
        "TRACE4",
        "DEBUG",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "INFO",
        "INFO2",
        "INFO3",
        "INFO4",
        "WARN",
        "WARN2",
        "WARN3",
        "WARN4",
        "ERROR",
        "ERROR2",
        "ERROR3",
        "ERROR4",
        "FATAL",
        "FATAL2",
        "FATAL3",
        "FATAL4",
    ];
    deserializer.deserialize_any(Enumeration("SEVERITY_NUMBER_", names))
}

/// An id in hexadecimal, or as Protocol Buffers would have it, in base64.
pub(super) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = hex(text.as_bytes())
        .or_else(|| base64(text.as_bytes()).filter(|bytes| matches!(bytes.len(), 8 | 16)));
    let bytes =
        bytes.ok_or_else(|| D::Error::custom(format_args!("{text:?} is not a hexadecimal id")))?;
    Ok(Bytes::from(bytes))
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut pairs = pairs.iter();
    pairs.try_fold(
        Vec::with_capacity(text.len() / 2),
        |mut bytes, [high, low]| {
            bytes.push(digit(*high)? << 4 | digit(*low)?);
            Some(bytes)
        },
    )
}

/// Base64 (RFC 4648) in either alphabet, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

/// A value by the name of its type.
pub(super) fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AnyValue, D::Error> {
    deserializer.deserialize_map(AnyValueVisitor)
}

struct AnyValueVisitor;

impl<'de> Visitor<'de> for AnyValueVisitor {
    type Value = AnyValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value such as {\"stringValue\": \"…\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<AnyValue, A::Error> {
        let mut value = None;
        while let Some(name) = fields.next_key::<std::borrow::Cow<'de, str>>()? {
            let read = match &*name {
                "stringValue" | "string_value" => Value::Text(fields.next_value()?),
                "boolValue" | "bool_value" => Value::Bool(fields.next_value()?),
                "intValue" | "int_value" => {
                    Value::Int(fields.next_value_seed(Number(PhantomData))?)
                }
                "doubleValue" | "double_value" => {
                    Value::Double(fields.next_value_seed(Number(PhantomData))?)
                }
                "arrayValue" | "array_value" => Value::List(fields.next_value()?),
                "kvlistValue" | "kvlist_value" => Value::Map(fields.next_value()?),
                "bytesValue" | "bytes_value" => {
                    let text: std::borrow::Cow<'de, str> = fields.next_value()?;
                    let bytes = base64(text.as_bytes());
                    Value::Bytes(bytes.ok_or_else(|| A::Error::custom("bytesValue is not base64"))?)
                }
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            value = Some(read);
        }
        Ok(AnyValue { value })
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
