//! Which name a caller asks for, by the first bytes of its connection.

use super::super::recognise::{Spoken, recognise};

/// What the first bytes say of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// This one, in lower case, without a port.
    Host(String),
    /// Nothing yet: more bytes are needed.
    More,
    /// Nothing, and more bytes will not help.
    Nothing,
}

/// The first byte of a TLS handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// How HTTP/2 with prior knowledge begins: its names are packed, and may come only after an answer.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// The name in an HTTP/1 request's target or `Host`, or in a TLS client's greeting.
pub(super) fn named(bytes: &[u8]) -> Named {
    if bytes.first() == Some(&HANDSHAKE) {
        return match server_name(bytes) {
            Ok(Some(name)) => Named::Host(bare(&name)),
            Ok(None) => Named::Nothing,
            Err(TooShort) => Named::More,
        };
    }
    if bytes.starts_with(PREFACE) {
        return Named::Nothing;
    }
    match recognise(bytes) {
        Spoken::Http1 => by_head(bytes),
        Spoken::Unsure => Named::More,
        Spoken::Bytes => Named::Nothing,
    }
}

/// A host without its port, in lower case, without the root's dot.
fn bare(host: &str) -> String {
    let host = host.trim();
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    without_port.trim_end_matches('.').to_ascii_lowercase()
}

/// By an absolute target, which wins (RFC 9112, section 3.2.2), or by the first `Host` line.
fn by_head(bytes: &[u8]) -> Named {
    let start = bytes
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(0);
    let mut lines = bytes[start..].split_inclusive(|byte| *byte == b'\n');
    let Some(first) = lines.next().filter(|line| line.ends_with(b"\n")) else {
        return Named::More;
    };
    let first = String::from_utf8_lossy(first);
    let target = first.split(' ').nth(1).unwrap_or_default();
    if let Some((_, rest)) = target.split_once("://") {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        return Named::Host(bare(host));
    }
    for line in lines {
        if !line.ends_with(b"\n") {
            return Named::More;
        }
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Named::Nothing;
        }
        let line = String::from_utf8_lossy(line);
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            return Named::Host(bare(value));
        }
    }
    Named::More
}

/// More bytes are needed.
#[derive(Debug)]
struct TooShort;

/// Bytes that are taken from the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TooShort> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(TooShort)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of `bytes` bytes, big endian.
    fn number(&mut self, bytes: usize) -> Result<usize, TooShort> {
        let taken = self.take(bytes)?.iter();
        Ok(taken.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// What stands behind a length of `bytes` bytes.
    fn counted(&mut self, bytes: usize) -> Result<Self, TooShort> {
        let count = self.number(bytes)?;
        Ok(Self(self.take(count)?))
    }
}

/// The extensions of a greeting.
fn extensions(mut record: Cursor<'_>) -> Result<Cursor<'_>, TooShort> {
    let mut hello = record.counted(3)?;
    hello.take(2 + 32)?;
    hello.counted(1)?;
    hello.counted(2)?;
    hello.counted(1)?;
    hello.counted(2)
}

/// The server's name in a `ClientHello` within one record (RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3).
fn server_name(bytes: &[u8]) -> Result<Option<String>, TooShort> {
    const SERVER_NAME: usize = 0;
    let mut record = Cursor(bytes);
    record.take(3)?;
    let mut record = record.counted(2)?;
    if record.number(1).unwrap_or(0) != 1 {
        return Ok(None);
    }
    // From here on a length that goes beyond the record is a mistake, and not a reason to wait.
    let Ok(mut extensions) = extensions(record) else {
        return Ok(None);
    };
    while let (Ok(kind), Ok(mut extension)) = (extensions.number(2), extensions.counted(2)) {
        if kind == SERVER_NAME {
            let mut list = extension.counted(2).unwrap_or(Cursor(&[]));
            let name = list.take(1).and_then(|_| list.counted(2));
            return Ok(name
                .ok()
                .map(|name| String::from_utf8_lossy(name.0).into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello(name: &str) -> Vec<u8> {
        let counted = |bytes: usize, content: &[u8]| {
            let length = u32::try_from(content.len()).unwrap().to_be_bytes();
            [&length[4 - bytes..], content].concat()
        };
        let list = counted(2, &[&[0][..], &counted(2, name.as_bytes())].concat());
        let other = [&[0, 43][..], &counted(2, &[2, 3, 4])].concat();
        let extensions = [&other[..], &[0, 0], &counted(2, &list)].concat();
        let body = [
            &[3, 3][..],
            &[7; 32],
            &counted(1, &[1, 2]),
            &counted(2, &[0x13, 1]),
            &counted(1, &[0]),
            &counted(2, &extensions),
        ]
        .concat();
        let handshake = [&[1][..], &counted(3, &body)].concat();
        [&[22, 3, 1][..], &counted(2, &handshake)].concat()
    }

    #[test]
    fn names_by_their_first_bytes() {
        let host = |name: &str| Named::Host(name.into());
        for (bytes, expected) in [
            (&b""[..], Named::More),
            (b"GET / HTTP/1.1\r\n", Named::More),
            (b"GET / HTTP/1.1\r\nHo", Named::More),
            (
                b"GET / HTTP/1.1\r\nA: b\r\nhOST:  Orders.:8000 \r\n",
                host("orders"),
            ),
            (
                b"\r\nGET http://u@Pay:1/x HTTP/1.1\r\nHost: orders\r\n",
                host("pay"),
            ),
            (b"GET / HTTP/1.0\r\n\r\n", Named::Nothing),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Named::Nothing),
            (b"PING\r\n", Named::Nothing),
            (&hello("Orders"), host("orders")),
            (&hello("orders")[..30], Named::More),
            (&[22, 3, 1, 0, 1, 9], Named::Nothing),
        ] {
            assert_eq!(named(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..120),
            (Just(hello("orders")), 0..90_usize, any::<u8>()).prop_map(|(mut bytes, at, byte)| {
                let at = at % bytes.len();
                bytes[at] = byte;
                bytes
            }),
        ]) {
            let _ = named(&bytes);
        }

        #[test]
        fn a_greeting_is_awaited_to_its_end(cut in 0..90_usize) {
            let bytes = hello("orders");
            let cut = cut.min(bytes.len() - 1);
            prop_assert_eq!(named(&bytes[..cut]), Named::More);
        }
    }
}
