//! Which protocol a connection speaks, by its first bytes.

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// HTTP/1.x, well-formed or not.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// Something else: relayed as bytes.
    Bytes,
    /// More bytes are needed.
    Unsure,
}

/// A line that is longer than this without being recognised is no request line.
const LINE: usize = 512;

/// How HTTP/2 with prior knowledge begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Recognises the protocol. Once it is sure of a beginning, more bytes never change its mind.
///
/// A request line is a method (a token), one space and a target. Where the target begins like one (`/`, `*`, `http://`),
/// that is enough; otherwise the whole line is awaited, and one that ends in an HTTP version is left to the
/// HTTP parser, which refuses what is malformed. So `GET key` of a text protocol is bytes, and `GET key HTTP/1.1` a bad request.
pub(super) fn recognise(bytes: &[u8]) -> Spoken {
    if bytes.starts_with(PREFACE) {
        return Spoken::Http2;
    }
    if PREFACE.starts_with(bytes) {
        return Spoken::Unsure;
    }
    let bytes = skip_empty_lines(bytes);
    let method = bytes.iter().take_while(|byte| is_token(**byte)).count();
    match bytes.get(method) {
        _ if method > LINE => Spoken::Bytes,
        None => Spoken::Unsure,
        Some(b' ') if method > 0 => by_target(&bytes[method + 1..], bytes),
        Some(_) if method > 0 => by_line(bytes),
        Some(_) => Spoken::Bytes,
    }
}

fn by_target(target: &[u8], line: &[u8]) -> Spoken {
    let scheme = target.get(..7).map(<[u8]>::to_ascii_lowercase);
    match (target.first(), scheme.as_deref()) {
        (Some(b'/'), _) | (_, Some(b"http://" | b"https:/")) => Spoken::Http1,
        (Some(b'*'), _) if target.starts_with(b"* HTTP/1") => Spoken::Http1,
        _ => by_line(line),
    }
}

/// Decides by the whole first line.
fn by_line(bytes: &[u8]) -> Spoken {
    let end = bytes.iter().take(LINE).position(|byte| *byte == b'\n');
    let line = &bytes[..end.unwrap_or(bytes.len())];
    if !line
        .iter()
        .all(|byte| matches!(byte, b'\t' | b'\r' | b' '..=b'~' | 0x80..))
    {
        return Spoken::Bytes;
    }
    if end.is_none() {
        return if bytes.len() < LINE {
            Spoken::Unsure
        } else {
            Spoken::Bytes
        };
    }
    let line = line.trim_ascii_end();
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    if version.starts_with(b"HTTP/") {
        Spoken::Http1
    } else {
        Spoken::Bytes
    }
}

fn skip_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes
        .strip_prefix(b"\r\n")
        .or_else(|| bytes.strip_prefix(b"\n"))
    {
        bytes = rest;
    }
    bytes
        .strip_prefix(b"\r")
        .filter(|rest| rest.is_empty())
        .unwrap_or(bytes)
}

/// A character of a method: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocols_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b""[..], Spoken::Unsure),
            (b"G", Spoken::Unsure),
            (b"GET ", Spoken::Unsure),
            (b"GET /", Spoken::Http1),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", Spoken::Http1),
            (b"FOO /meth HTTP/1.1\r\n", Spoken::Http1),
            (b"OPTIONS * HTTP/1.1\r\n", Spoken::Http1),
            (b"GET HTTP://svc/ HTTP/1.1\r\n", Spoken::Http1),
            (b"CONNECT svc:80 HTTP/1.1\r\n", Spoken::Http1),
            (b"CONNECT {\"verbose\":false}\r\n", Spoken::Bytes),
            (b"GET  / HTTP/1.1\r\n", Spoken::Http1),
            (b"GET\t/ HTTP/1.1\r\n", Spoken::Http1),
            (b"GET key\r\n", Spoken::Bytes),
            (b"get key HTTP/1.0\n", Spoken::Http1),
            (b"GET ke", Spoken::Unsure),
            (b"PING\r\n", Spoken::Bytes),
            (b"EHLO client\r\n", Spoken::Bytes),
            (b"OPTIONS rtsp://camera RTSP/1.0\r\n", Spoken::Bytes),
            (b"*1\r\n$4\r\nPING\r\n", Spoken::Bytes),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0", Spoken::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", Spoken::Unsure),
            (b"PRI * HTTP/2.0\r\n\r\nGET /", Spoken::Http1),
            (b"PRI * HT", Spoken::Unsure),
            (b"\x16\x03\x01\x02\x00\x01", Spoken::Bytes),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Spoken::Bytes),
            (b"(request)", Spoken::Bytes),
        ] {
            assert_eq!(recognise(bytes), expected, "{}", bytes.escape_ascii());
        }
        assert_eq!(recognise(&[b'a'; 2 * LINE]), Spoken::Bytes);
        assert_eq!(
            recognise(&[b"GET ".as_slice(), &[b'a'; LINE]].concat()),
            Spoken::Bytes
        );
    }

    proptest! {
        #[test]
        fn more_bytes_never_change_its_mind(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[A-Z\\*]{0,5} ?[ /*a-z]{0,8}( HTTP/[12])?(\r\n)?[a-z ]{0,9}".prop_map(String::into_bytes),
            ],
            cut in 0..60_usize,
        ) {
            let early = recognise(&bytes[..cut.min(bytes.len())]);
            prop_assert!(early == Spoken::Unsure || early == recognise(&bytes));
        }
    }
}
