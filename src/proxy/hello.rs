//! The name that a TLS client asks for: the server name of its `ClientHello` (RFC 8446, section 4.1.2; RFC 6066, section 3).
//!
//! The bytes pass untouched; this only looks on, and stops looking as soon as it knows.

/// A first message that is longer than this is not read to its end.
const MOST: usize = 64 << 10;

const RECORD_HEAD: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

/// Follows a caller's first bytes.
#[derive(Debug, Default)]
pub(super) struct Hello {
    at: At,
    /// The head of the record that is being read.
    record: Vec<u8>,
    /// Bytes that are left of its content.
    left: usize,
    message: Vec<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Reading,
    /// It is none, or was not understood to its end.
    Over,
    Known(Option<String>),
}

impl Hello {
    /// Follows these bytes.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while self.at == At::Reading && !bytes.is_empty() {
            if self.left == 0 {
                let head = RECORD_HEAD - self.record.len();
                self.record.extend(take(&mut bytes, head));
                if self.record.len() == RECORD_HEAD {
                    self.record_begins();
                }
            } else {
                let content = take(&mut bytes, self.left);
                self.left -= content.len();
                self.message.extend(content);
                self.look();
            }
        }
    }

    /// Whether a TLS session begins here; if so, the name that is asked for, empty if there is none.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.at {
            At::Known(name) => Some(name.as_deref().unwrap_or_default()),
            At::Reading | At::Over => None,
        }
    }

    /// Whether it is none, or was not understood.
    pub(super) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    fn record_begins(&mut self) {
        let head = std::mem::take(&mut self.record);
        self.left = usize::from(u16::from_be_bytes([head[3], head[4]]));
        // An empty record is not allowed for handshakes, and none is longer than 2^14 bytes.
        if head[0] != HANDSHAKE || head[1] != 3 || !(1..=1 << 14).contains(&self.left) {
            self.at = At::Over;
        }
    }

    fn look(&mut self) {
        let Some((head, body)) = self.message.split_at_checked(4) else {
            return;
        };
        let length = usize::try_from(u32::from_be_bytes([0, head[1], head[2], head[3]]));
        let length = length.unwrap_or(usize::MAX);
        if head[0] != CLIENT_HELLO || length > MOST {
            self.at = At::Over;
        } else if let Some(hello) = body.get(..length) {
            self.at = At::Known(server_name(hello));
            self.message = Vec::new();
        }
    }
}

fn server_name(mut hello: &[u8]) -> Option<String> {
    // The version and 32 random bytes.
    exactly(&mut hello, 34)?;
    let _session = vector(&mut hello, 1)?;
    let _suites = vector(&mut hello, 2)?;
    let _compressions = vector(&mut hello, 1)?;
    let mut extensions = vector(&mut hello, 2)?;
    loop {
        let kind = number(&mut extensions, 2)?;
        let mut data = vector(&mut extensions, 2)?;
        if kind == usize::from(SERVER_NAME) {
            let mut names = vector(&mut data, 2)?;
            let is_host = number(&mut names, 1)? == 0;
            let name = vector(&mut names, 2)?;
            let readable = !name.is_empty() && name.len() <= 255 && name.is_ascii();
            let name = std::str::from_utf8(name).ok()?;
            return (is_host && readable && name.bytes().all(|byte| byte.is_ascii_graphic()))
                .then(|| name.to_owned());
        }
    }
}

/// At most so many bytes.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    taken
}

fn exactly<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn number(bytes: &mut &[u8], width: usize) -> Option<usize> {
    let digits = exactly(bytes, width)?;
    Some(
        digits
            .iter()
            .fold(0, |number, digit| number << 8 | usize::from(*digit)),
    )
}

/// Bytes behind their own length, which is so many bytes wide.
fn vector<'a>(bytes: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let length = number(bytes, width)?;
    exactly(bytes, length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sized(width: usize, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&length[4 - width..], content].concat()
    }

    /// A `ClientHello` with this name, in records of at most so many bytes.
    fn hello(name: Option<&[u8]>, record: usize) -> Vec<u8> {
        let mut extensions = [vec![0, 43], sized(2, &[2, 3, 4])].concat();
        if let Some(name) = name {
            let entry = [vec![0], sized(2, name)].concat();
            extensions.extend([vec![0, 0], sized(2, &sized(2, &entry))].concat());
        }
        let body = [
            vec![3, 3],
            vec![7; 32],
            sized(1, &[9; 32]),
            sized(2, &[0x13, 0x01]),
            sized(1, &[0]),
            sized(2, &extensions),
        ]
        .concat();
        let message = [vec![CLIENT_HELLO], sized(3, &body)].concat();
        let records = message.chunks(record);
        records
            .flat_map(|part| [vec![HANDSHAKE, 3, 1], sized(2, part)].concat())
            .collect()
    }

    fn seen(bytes: &[u8]) -> Option<String> {
        let mut hello = Hello::default();
        hello.follow(bytes);
        hello.name().map(str::to_owned)
    }

    #[test]
    fn the_name_is_read_and_its_absence_too() {
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(seen(&hello(Some(b"db.test"), 1 << 14)), name("db.test"));
        assert_eq!(seen(&hello(None, 1 << 14)), name(""));
        assert_eq!(seen(&hello(Some(b"a\x1b[1m"), 1 << 14)), name(""));
        assert_eq!(seen(b"\x16\x03\x01\x40\x01\x01\x00"), None);
        assert_eq!(seen(b"\x16\x03\x01\x00\x00"), None);
        assert_eq!(seen(b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"), None);
        assert_eq!(seen(b"hello"), None);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_it_is_cut(
            name in "[a-z0-9.-]{1,80}",
            record in 1..400_usize,
            cuts in prop::collection::vec(1..50_usize, 1..20),
        ) {
            let bytes = hello(Some(name.as_bytes()), record);
            let (mut hello, mut rest) = (Hello::default(), &bytes[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                hello.follow(take(&mut rest, *cut));
            }
            // What comes after is not looked at.
            hello.follow(b"\x17\x03\x03\x00\x05bytes");
            prop_assert_eq!(hello.name(), Some(&name[..]));
        }

        #[test]
        fn any_bytes_are_followed_and_few_are_kept(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            beginning in prop::sample::select(vec![&b""[..], b"\x16\x03\x01\x40\x00", b"\x16\x03\x01\x00\xff\x01\x00\x00\xf0\x03\x03"]),
        ) {
            let mut hello = Hello::default();
            hello.follow(&[beginning, &bytes].concat());
            prop_assert!(hello.message.len() <= MOST + 4 + (1 << 14));
        }
    }
}
