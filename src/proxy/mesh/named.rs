//! Which name a caller asks for, by the first bytes of its connection.

use super::super::hello::Hello;
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

/// The name in an HTTP/1 request's target or `Host`, or in a TLS client's greeting.
pub(super) fn named(bytes: &[u8]) -> Named {
    if bytes.first() == Some(&HANDSHAKE) {
        let mut hello = Hello::default();
        hello.follow(bytes);
        return match hello.name() {
            Some("") => Named::Nothing,
            Some(name) => Named::Host(bare(name)),
            None if hello.is_over() => Named::Nothing,
            None => Named::More,
        };
    }
    match recognise(bytes) {
        Spoken::Http1 => by_head(bytes),
        Spoken::Unsure => Named::More,
        // The names of HTTP/2 are packed, and may come only after an answer.
        Spoken::Http2 | Spoken::Bytes => Named::Nothing,
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
            (&[22, 3, 1, 0, 4, 9, 0, 0, 0], Named::Nothing),
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
