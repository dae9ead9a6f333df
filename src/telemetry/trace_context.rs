//! The `traceparent` header of [W3C Trace Context](https://www.w3.org/TR/trace-context/), level 1 and its random flag of level 2.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::exchange::{SpanId, TraceId};

/// The flags that are passed on: sampled, and (level 2) that the trace id is random. Others are reserved and must be zero.
const KNOWN_FLAGS: u8 = 0x03;
const SAMPLED: u8 = 0x01;

/// What a `traceparent` says: which trace a request belongs to, and under which span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span under which the receiver works.
    pub span: SpanId,
    /// Sampled and random flags.
    pub flags: u8,
}

impl TraceContext {
    /// Begins a trace, sampled.
    pub fn begin() -> Self {
        Self {
            trace: TraceId::random(),
            span: SpanId::random(),
            flags: SAMPLED,
        }
    }

    /// The same trace under a new span.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span: SpanId::random(),
            ..self
        }
    }

    /// Reads a header's value. `None` if a receiver has to begin a trace of its own.
    ///
    /// Section 3.2.2: `version-traceid-parentid-flags` in lower-case hexadecimal; version `ff` and ids of only zeros are
    /// invalid; version `00` ends after the flags; a future version may go on after another dash.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(55)?;
        let [version, trace, span, flags] =
            [&known[..2], &known[3..35], &known[36..52], &known[53..]];
        if [known[2], known[35], known[52]] != *b"---" {
            return None;
        }
        match hex(version)? {
            0xff => return None,
            0 if !rest.is_empty() => return None,
            _ if rest.first().is_some_and(|next| *next != b'-') => return None,
            _ => {}
        }
        let (trace, span) = (hex(trace)?, u64::try_from(hex(span)?).ok()?);
        let flags = u8::try_from(hex(flags)?).ok()? & KNOWN_FLAGS;
        (trace != 0 && span != 0).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            flags,
        })
    }
}

impl TraceContext {
    /// The header's value, version `00`.
    pub fn header(&self) -> [u8; 55] {
        let mut value = *b"00-                                -                -  ";
        write_hex(&mut value[3..35], self.trace.0);
        write_hex(&mut value[36..52], self.span.0.into());
        write_hex(&mut value[53..], self.flags.into());
        value
    }
}

impl fmt::Display for TraceContext {
    /// The header's value, version `00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.header()))
    }
}

impl TraceId {
    /// A random one, never zero.
    pub fn random() -> Self {
        let high = u128::from(random());
        Self((high << 64 | u128::from(random())).max(1))
    }

    /// Reads 32 hexadecimal digits, in either case: as people paste it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        (text.len() == 32).then(|| hex(text.as_bytes()).map(Self))?
    }
}

impl SpanId {
    /// A random one, never zero.
    pub fn random() -> Self {
        Self(random().max(1))
    }

    /// Reads 16 hexadecimal digits, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let number = (text.len() == 16).then(|| hex(text.as_bytes()))??;
        u64::try_from(number).ok().map(Self)
    }
}

/// Writes the number's last digits in lower-case hexadecimal. (The standard library's way takes ten times as long.)
fn write_hex(digits: &mut [u8], mut number: u128) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

/// The number that these lower-case hexadecimal digits (at most 32) write.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// 64 random bits: `SplitMix64` (Steele, Lea, Flood 2014), seeded for each thread by the operating system's randomness
/// through the standard library's hasher keys. Ids need to differ; they need not be secret.
fn random() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish());
    }
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_the_rules_of_the_standard() {
        const IDS: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        let cases = [
            (format!("00-{IDS}-01"), Some(1)),
            (format!("00-{IDS}-00"), Some(0)),
            (format!("00-{IDS}-03"), Some(3)),
            (format!("00-{IDS}-ff"), Some(3)),
            (format!("cc-{IDS}-01"), Some(1)),
            (format!("cc-{IDS}-01-what-the-future-brings"), Some(1)),
            (format!("cc-{IDS}-01.what"), None),
            (format!("00-{IDS}-01-more"), None),
            (format!("00-{IDS}-01-"), None),
            (format!("00-{IDS}-1"), None),
            (format!("00-{IDS}"), None),
            (format!("0-{IDS}-01"), None),
            (format!("ff-{IDS}-01"), None),
            (format!("FE-{IDS}-01"), None),
            (format!("00-{}-01", IDS.to_uppercase()), None),
            (format!("00-{IDS}-0G"), None),
            (format!("00_{IDS}-01"), None),
            (format!(" 00-{IDS}-01"), None),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01".into(),
                None,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01".into(),
                None,
            ),
            ("garbage".into(), None),
            (String::new(), None),
        ];
        for (header, flags) in cases {
            let parsed = TraceContext::parse(header.as_bytes());
            assert_eq!(parsed.map(|context| context.flags), flags, "{header:?}");
            if let Some(context) = parsed {
                assert_eq!(context.trace.to_string(), IDS[..32]);
                assert_eq!(context.span.to_string(), IDS[33..]);
            }
        }
    }

    #[test]
    fn random_ids_differ_between_calls_and_threads() {
        let ids = || (0..1000).map(|_| TraceId::random()).collect::<Vec<_>>();
        let others: Vec<_> = (0..4).map(|_| std::thread::spawn(ids)).collect();
        let mut seen: HashSet<TraceId> = ids().into_iter().collect();
        for other in others {
            seen.extend(other.join().unwrap());
        }
        assert_eq!(seen.len(), 5000);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1..u128::MAX, span in 1..u64::MAX, flags in 0..4_u8) {
            let context = TraceContext { trace: TraceId(trace), span: SpanId(span), flags };
            prop_assert_eq!(context.to_string(), format!("00-{trace:032x}-{span:016x}-{flags:02x}"));
            prop_assert_eq!(TraceContext::parse(context.to_string().as_bytes()), Some(context));
            prop_assert_eq!(TraceId::parse(&context.trace.to_string().to_uppercase()), Some(context.trace));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(context) = TraceContext::parse(&bytes) {
                prop_assert!(context.trace.0 != 0 && context.span.0 != 0);
            }
        }

        #[test]
        fn one_wrong_byte_never_makes_another_trace(at in 0..55_usize, byte in any::<u8>()) {
            let good = TraceContext { trace: TraceId(7 << 100), span: SpanId(9), flags: 1 };
            let mut header = good.to_string().into_bytes();
            header[at] = byte;
            // What is still read is what the digits say, letter by letter.
            if let Some(read) = TraceContext::parse(&header) {
                let text = String::from_utf8(header).unwrap();
                prop_assert_eq!(read.trace.to_string(), &text[3..35]);
                prop_assert_eq!(read.span.to_string(), &text[36..52]);
            }
        }
    }
}
