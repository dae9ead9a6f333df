//! Bodies of requests and answers as people read them: JSON indented, forms as fields, gRPC frame by frame, bytes as hex.
//!
//! Whatever comes in: a body may be cut off anywhere, and need not be what its headers say.

use std::io::Read;

use super::theme::Role;
use crate::telemetry::Body;
use crate::text;

/// Bytes that are unpacked of a compressed body, at most.
const UNPACKED: u64 = 64 << 10;
/// Lines that are told of one body, at most.
const LINES: usize = 2_000;
/// Columns of one line, at most.
const WIDE: usize = 2_000;
/// Lines of hex: the beginning is enough to know it again.
const HEX: usize = 8;

/// A line of pieces, each with what it means.
pub(super) type Told = Vec<(Role, String)>;

/// What is kept of a body, in lines; the first says what it is.
pub(super) fn told(body: &Body<'_>) -> Vec<Told> {
    let kind = body.content_type.unwrap_or("no content type");
    let mut about = kind.to_owned();
    if body.head.withheld {
        about.push_str(", compressed: not kept, because secrets could not be masked in it");
        return vec![vec![(Role::Dim, about)]];
    }
    let (bytes, unpacked) = unpack(body);
    about.push_str(&unpacked);
    if body.head.truncated {
        let kept = text::bytes(body.head.bytes.len() as u64);
        about = format!("{about}, the first {kept} of it");
    }
    let mut lines = vec![vec![(Role::Dim, about)]];
    lines.extend(pretty(kind, &bytes));
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push(vec![(Role::Dim, "… more is kept than is shown".into())]);
    }
    lines
}

/// The bytes as they were before they were compressed, as far as that can be told, and a word about it.
fn unpack(body: &Body<'_>) -> (Vec<u8>, String) {
    let packed = &*body.head.bytes;
    let mut bytes = Vec::new();
    match body.encoding.map(str::trim) {
        None | Some("" | "identity") => return (packed.to_vec(), String::new()),
        // What is cut off ends in an error, behind what could be read.
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
            let _ = flate2::read::GzDecoder::new(packed)
                .take(UNPACKED)
                .read_to_end(&mut bytes);
        }
        Some(name) if name.eq_ignore_ascii_case("deflate") => {
            let _ = flate2::read::ZlibDecoder::new(packed)
                .take(UNPACKED)
                .read_to_end(&mut bytes);
        }
        Some(name) => return (packed.to_vec(), format!(", {} as it came", safe(name))),
    }
    let name = body.encoding.unwrap_or_default();
    if bytes.is_empty() && !packed.is_empty() {
        return (
            packed.to_vec(),
            format!(", {} that cannot be read", safe(name)),
        );
    }
    (bytes, format!(", unpacked from {}", safe(name)))
}

fn pretty(kind: &str, bytes: &[u8]) -> Vec<Told> {
    let kind = kind.to_ascii_lowercase();
    if kind.starts_with("application/grpc") {
        return frames(bytes);
    }
    let Some(words) = readable(bytes) else {
        return hex(bytes);
    };
    if kind.starts_with("application/x-www-form-urlencoded") {
        return form(words);
    }
    let looks_like_json = words.trim_start().starts_with(['{', '[']);
    if looks_like_json && (kind.contains("json") || !kind.contains("html")) {
        return json(words);
    }
    let lines = words.lines().take(LINES);
    lines.map(|line| vec![(Role::Text, safe(line))]).collect()
}

/// The text, if that is what it is; a letter that is cut in two at the end is left out.
fn readable(bytes: &[u8]) -> Option<&str> {
    let words = match std::str::from_utf8(bytes) {
        Ok(words) => words,
        Err(wrong) if wrong.error_len().is_none() => {
            std::str::from_utf8(&bytes[..wrong.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!words.contains('\0')).then_some(words)
}

fn safe(words: &str) -> String {
    let mut end = words.len().min(WIDE);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    text::plain(&words.as_bytes()[..end])
}

/// JSON with a line for each member, whether or not it is whole or right.
pub(super) fn json(words: &str) -> Vec<Told> {
    let mut lines: Vec<Told> = Vec::new();
    let mut line: Told = Vec::new();
    let mut depth = 0_usize;
    let mut rest = words.trim_start();
    let end_line = |line: &mut Told, depth: usize, lines: &mut Vec<Told>| {
        if !line.is_empty() {
            lines.push(std::mem::take(line));
        }
        line.push((Role::Text, "  ".repeat(depth.min(40))));
    };
    while let Some(first) = rest.chars().next() {
        if lines.len() > LINES {
            break;
        }
        let (token, after) = rest.split_at(token(rest));
        rest = after.trim_start();
        match first {
            '{' | '[' => {
                let close = if first == '{' { '}' } else { ']' };
                if let Some(after) = rest.strip_prefix(close) {
                    line.push((Role::Text, format!("{first}{close}")));
                    rest = after.trim_start();
                } else {
                    depth += 1;
                    line.push((Role::Text, first.to_string()));
                    end_line(&mut line, depth, &mut lines);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if line.iter().any(|(_, piece)| !piece.trim().is_empty()) {
                    end_line(&mut line, depth, &mut lines);
                } else {
                    line = vec![(Role::Text, "  ".repeat(depth.min(40)))];
                }
                line.push((Role::Text, first.to_string()));
            }
            ',' => {
                line.push((Role::Text, ",".into()));
                end_line(&mut line, depth, &mut lines);
            }
            ':' => line.push((Role::Text, ": ".into())),
            '"' if rest.starts_with(':') => line.push((Role::Accent, safe(token))),
            '"' => line.push((Role::Ready, safe(token))),
            _ => line.push((Role::Busy, safe(token))),
        }
    }
    if line.iter().any(|(_, piece)| !piece.trim().is_empty()) {
        lines.push(line);
    }
    lines
}

/// Bytes of the token that JSON begins with here.
fn token(rest: &str) -> usize {
    let mut letters = rest.char_indices();
    match letters.next() {
        Some((_, '"')) => {
            let mut escaped = false;
            for (at, letter) in letters {
                match letter {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => return at + 1,
                    _ => {}
                }
            }
            rest.len()
        }
        Some((_, letter @ ('{' | '}' | '[' | ']' | ',' | ':'))) => letter.len_utf8(),
        _ => {
            let ends = |letter: char| letter.is_whitespace() || "{}[],:\"".contains(letter);
            rest.find(ends).filter(|at| *at > 0).unwrap_or(rest.len())
        }
    }
}

/// A form's fields, decoded.
fn form(words: &str) -> Vec<Told> {
    let fields = words.trim().split('&').take(LINES);
    let field = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        vec![
            (Role::Accent, safe(&decoded(name))),
            (Role::Dim, " = ".into()),
            (Role::Text, safe(&decoded(value))),
        ]
    };
    fields.map(field).collect()
}

fn decoded(words: &str) -> String {
    let bytes = words.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = words.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 2;
            }
            None => plain.push(if bytes[at] == b'+' { b' ' } else { bytes[at] }),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The frames of gRPC (a byte that tells compression, four of length), and the fields of their messages by number.
fn frames(mut bytes: &[u8]) -> Vec<Told> {
    let mut lines = Vec::new();
    let mut number = 1;
    while bytes.len() >= 5 && lines.len() < LINES {
        let length = u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]) as usize;
        let packed = bytes[0] == 1;
        let kept = length.min(bytes.len() - 5);
        let message = &bytes[5..5 + kept];
        let cut = if kept < length { ", cut off" } else { "" };
        let how = if packed { ", compressed" } else { "" };
        lines.push(vec![(
            Role::Strong,
            format!("message {number}: {}{how}{cut}", text::bytes(length as u64)),
        )]);
        if !packed {
            lines.extend(fields(message));
        }
        bytes = &bytes[5 + kept..];
        number += 1;
    }
    if !bytes.is_empty() {
        lines.extend(hex(bytes));
    }
    lines
}

/// The fields of a message of protobuf, by number, as far as its bytes can be read as such.
fn fields(mut message: &[u8]) -> Vec<Told> {
    let mut lines = Vec::new();
    while !message.is_empty() && lines.len() < 200 {
        let Some((number, value, rest)) = field(message) else {
            lines.extend(hex(message));
            break;
        };
        lines.push(vec![
            (Role::Accent, format!("  {number}")),
            (Role::Dim, " = ".into()),
            value,
        ]);
        message = rest;
    }
    lines
}

/// Number and value of the field that a message begins with, and the rest.
fn field(message: &[u8]) -> Option<(u64, (Role, String), &[u8])> {
    let (tag, rest) = varint(message)?;
    let number = tag >> 3;
    let fixed = |size: usize| Some((rest.get(..size)?, rest.get(size..)?));
    let (value, rest) = match tag & 7 {
        0 => {
            let (value, rest) = varint(rest)?;
            ((Role::Busy, value.to_string()), rest)
        }
        1 => {
            let (bytes, rest) = fixed(8)?;
            let number = f64::from_le_bytes(bytes.try_into().ok()?);
            ((Role::Busy, format!("{number} (8 bytes)")), rest)
        }
        5 => {
            let (bytes, rest) = fixed(4)?;
            let number = f32::from_le_bytes(bytes.try_into().ok()?);
            ((Role::Busy, format!("{number} (4 bytes)")), rest)
        }
        2 => {
            let (length, rest) = varint(rest)?;
            let length = usize::try_from(length).ok()?;
            let (bytes, rest) = (rest.get(..length)?, rest.get(length..)?);
            let is_text = |words: &&str| {
                !words
                    .chars()
                    .any(|letter| letter.is_control() && !letter.is_whitespace())
            };
            let value = match std::str::from_utf8(bytes).ok().filter(is_text) {
                Some(words) => (Role::Ready, format!("\"{}\"", safe(words))),
                None => (Role::Dim, text::bytes(length as u64)),
            };
            (value, rest)
        }
        _ => return None,
    };
    (number > 0).then_some((number, value, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at).min(63);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// The beginning in hexadecimal digits, with the letters beside.
fn hex(bytes: &[u8]) -> Vec<Told> {
    let line = |chunk: &[u8]| {
        let digits: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let letters: String = chunk.iter().map(letter).collect();
        vec![
            (Role::Dim, format!("{:<48}", digits.join(" "))),
            (Role::Text, letters),
        ]
    };
    let mut lines: Vec<Told> = bytes.chunks(16).take(HEX).map(line).collect();
    if bytes.len() > 16 * HEX {
        let rest = text::bytes((bytes.len() - 16 * HEX) as u64);
        lines.push(vec![(Role::Dim, format!("… {rest} more"))]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::BodyHead;

    fn lines(kind: &str, encoding: Option<&str>, bytes: &[u8]) -> Vec<String> {
        let head = BodyHead {
            bytes: bytes.into(),
            ..BodyHead::default()
        };
        let body = Body {
            head: &head,
            content_type: Some(kind),
            encoding,
        };
        let join = |line: Told| line.into_iter().map(|(_, piece)| piece).collect::<String>();
        told(&body).into_iter().map(join).collect()
    }

    #[test]
    fn json_is_indented_even_if_it_is_cut_off() {
        let json = br#"{"sku":"te:a, {x}","n":[1,2],"e":{},"ok":tr"#;
        assert_eq!(
            lines("application/json", None, json),
            [
                "application/json",
                "{",
                "  \"sku\": \"te:a, {x}\",",
                "  \"n\": [",
                "    1,",
                "    2",
                "  ],",
                "  \"e\": {},",
                "  \"ok\": tr",
            ]
        );
    }

    #[test]
    fn forms_texts_and_bytes_are_told_as_they_are() {
        assert_eq!(
            lines(
                "application/x-www-form-urlencoded",
                None,
                b"a=1+2&b=caf%C3%A9&c"
            )[1..],
            ["a = 1 2", "b = café", "c = "]
        );
        assert_eq!(lines("text/plain", None, b"one\ntwo")[1..], ["one", "two"]);
        let hex = lines("image/png", None, b"\x89PNG\0");
        assert!(
            hex[1].starts_with("89 50 4e 47 00") && hex[1].ends_with(".PNG."),
            "{hex:?}"
        );
    }

    #[test]
    fn grpc_is_told_frame_by_frame() {
        let bytes = b"\0\0\0\0\x07\x0a\x03tea\x10\x02\0\0\0\0\x09\x0a";
        assert_eq!(
            lines("application/grpc+proto", None, bytes)[1..],
            [
                "message 1: 7 B",
                "  1 = \"tea\"",
                "  2 = 2",
                "message 2: 9 B, cut off"
            ]
            .into_iter()
            .map(str::to_owned)
            .chain(
                hex(b"\x0a")
                    .into_iter()
                    .map(|line| line.into_iter().map(|(_, piece)| piece).collect())
            )
            .collect::<Vec<String>>()
        );
    }

    #[test]
    fn gzip_is_unpacked_as_far_as_it_goes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"[1,2]").unwrap();
        let packed = gzip.finish().unwrap();
        let whole = lines("application/json", Some("gzip"), &packed);
        assert_eq!(
            whole,
            [
                "application/json, unpacked from gzip",
                "[",
                "  1,",
                "  2",
                "]"
            ]
        );
        let broken = lines("application/json", Some("gzip"), b"nothing of the kind");
        assert!(broken[0].contains("cannot be read"), "{broken:?}");
        assert!(lines("text/plain", Some("br"), b"x")[0].contains("br as it came"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_told_without_harm(kind in 0..5_usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let kinds = ["application/json", "application/grpc", "text/plain", "application/x-www-form-urlencoded", "x"];
            for encoding in [None, Some("gzip"), Some("deflate")] {
                for line in lines(kinds[kind], encoding, &bytes) {
                    prop_assert!(!line.contains(['\u{1b}', '\0', '\n']), "{line:?}");
                }
            }
        }

        #[test]
        fn nearly_json_loses_nothing_but_space(words in "[{\\[][a-z0-9\"\\\\,:{}\\[\\] ]{0,60}") {
            let told: String = json(&words).concat().into_iter().map(|(_, piece)| piece).collect();
            let letters = |words: &str| words.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&told), letters(&words));
        }
    }
}
