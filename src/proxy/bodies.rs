//! The bodies of one exchange as they pass: counted, and their beginnings kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::headers::{mask_bytes, mask_cut_off};
use crate::telemetry::{BodyHead, Headers};

/// Both bodies of an exchange.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    pub(super) asked: Tally,
    pub(super) answered: Tally,
}

/// One body, or one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    bytes: AtomicU64,
    beginning: Mutex<Vec<u8>>,
}

impl Tally {
    /// These bytes of a body have passed. Only those that are kept are copied: a part of a buffer that is merely
    /// referred to would keep the whole of the buffer.
    pub(super) fn pass(&self, data: &[u8]) {
        let before = self.count(data.len());
        let Some(room) = usize::try_from(before)
            .ok()
            .and_then(|before| BodyHead::MOST.checked_sub(before))
            .filter(|room| *room > 0 && !data.is_empty())
        else {
            return;
        };
        let mut beginning = self
            .beginning
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        beginning.extend_from_slice(&data[..room.min(data.len())]);
    }

    /// So many bytes have passed of which nothing is kept; how many had before.
    pub(super) fn count(&self, bytes: usize) -> u64 {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed)
    }

    /// How many bytes have passed.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What is kept of it, with every value in `redact` masked; of an encoded body nothing if there are any.
    pub(super) fn take(&self, headers: &Headers, redact: &[String]) -> BodyHead {
        let mut bytes = std::mem::take(
            &mut *self
                .beginning
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if bytes.is_empty() {
            return BodyHead::default();
        }
        let truncated = self.bytes() > BodyHead::MOST as u64;
        if !redact.is_empty() {
            if is_encoded(headers) {
                return BodyHead {
                    withheld: true,
                    truncated,
                    ..BodyHead::default()
                };
            }
            bytes = mask_bytes(bytes, redact);
            if truncated {
                mask_cut_off(&mut bytes, redact);
            }
            bytes.truncate(BodyHead::MOST);
        }
        BodyHead {
            bytes: bytes.into_boxed_slice(),
            truncated,
            withheld: false,
        }
    }
}

/// Whether the body's bytes are not its content's.
fn is_encoded(headers: &Headers) -> bool {
    let mut codings = headers
        .iter()
        .filter(|(name, _)| {
            name.eq_ignore_ascii_case("content-encoding")
                || name.eq_ignore_ascii_case("grpc-encoding")
        })
        .flat_map(|(_, value)| value.split(','));
    codings
        .any(|coding| !coding.trim().is_empty() && !coding.trim().eq_ignore_ascii_case("identity"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(pieces: &[&[u8]], headers: &[(&str, &str)], redact: &[&str]) -> BodyHead {
        let tally = Tally::default();
        for piece in pieces {
            tally.pass(piece);
        }
        let redact: Vec<String> = redact.iter().map(|&secret| secret.into()).collect();
        tally.take(&headers.iter().copied().collect(), &redact)
    }

    #[test]
    fn the_beginning_is_kept_and_the_rest_counted() {
        let head = kept(&[&[b'a'; 10_000], b"", &[b'b'; 10_000]], &[], &[]);
        assert_eq!((head.bytes.len(), head.truncated), (BodyHead::MOST, true));
        assert!(head.bytes.ends_with(b"bb"));
        let head = kept(&[&[b'a'; BodyHead::MOST]], &[], &[]);
        assert_eq!((head.bytes.len(), head.truncated), (BodyHead::MOST, false));
        assert!(kept(&[b""], &[], &["x"]).is_none());
    }

    #[test]
    fn no_secret_is_kept() {
        let head = kept(&[b"{\"key\": \"hun", b"ter2\"} \xff"], &[], &["hunter2"]);
        assert_eq!(&*head.bytes, b"{\"key\": \"***\"} \xff");
        // The end of what is kept is in the middle of a secret.
        let long = [&[b'.'; BodyHead::MOST - 4][..], b"hunter2 and more"].concat();
        let head = kept(&[&long], &[], &["hunter2"]);
        assert!(head.bytes.ends_with(b"..***"), "{:?}", head.bytes.len());
        for coding in ["gzip", "identity, br"] {
            let head = kept(&[b"hunter2"], &[("Content-Encoding", coding)], &["hunter2"]);
            assert_eq!((head.withheld, head.bytes.len()), (true, 0));
            assert!(!kept(&[b"x"], &[("content-encoding", coding)], &[]).withheld);
        }
        assert!(!kept(&[b"x"], &[("grpc-encoding", "identity")], &["y"]).withheld);
    }

    proptest! {
        #[test]
        fn a_secret_never_stays_however_it_is_cut(
            before in prop::collection::vec(any::<u8>(), 0..40),
            secret in "[a-z]{2,9}",
            after in prop::collection::vec(any::<u8>(), 0..40),
            cut in 0..100_usize,
        ) {
            let body = [&before[..], secret.as_bytes(), &after].concat();
            let (first, second) = body.split_at(cut.min(body.len()));
            let head = kept(&[first, second], &[], &[&secret]);
            let found = head.bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            prop_assert!(!found);
        }
    }
}
