//! Bodies of requests: read and unpacked within bounds.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

/// Bytes of a request at most, as sent and unpacked: what the OpenTelemetry collector takes over HTTP unless it is told
/// otherwise (over gRPC it takes 4 MiB; who sends as much as that may send more).
pub(super) const LARGEST: usize = 20 << 20;
/// Bytes of all requests together that are being read.
const ALL: usize = 128 << 20;
/// How long the body of a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a body was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than [`LARGEST`].
    TooLarge,
    /// Others take all the room that there is: later again.
    NoRoom,
    /// It did not arrive in time, or not at all.
    Lost(String),
    /// It is packed in a way that is not known here.
    UnknownCoding(String),
    /// It cannot be unpacked.
    Broken(String),
}

/// Bytes that are being read, of all requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// A body that was read; its room is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _lease: Lease,
}

#[derive(Debug)]
struct Lease {
    room: Room,
    taken: usize,
}

impl Lease {
    fn take(&mut self, bytes: usize) -> Result<(), BodyError> {
        let before = self.room.0.fetch_add(bytes, Ordering::Relaxed);
        self.taken += bytes;
        if before + bytes > ALL {
            return Err(BodyError::NoRoom);
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

/// Reads a body to its end.
pub(super) async fn read(body: Incoming, room: &Room) -> Result<Held, BodyError> {
    let announced = body.size_hint().lower();
    if announced > LARGEST as u64 {
        return Err(BodyError::TooLarge);
    }
    let read = timeout(PATIENCE, read_all(body, room)).await;
    read.unwrap_or_else(|_| Err(BodyError::Lost("its end did not come in time".into())))
}

async fn read_all(mut body: Incoming, room: &Room) -> Result<Held, BodyError> {
    let mut lease = Lease {
        room: room.clone(),
        taken: 0,
    };
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::Lost(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        lease.take(data.len())?;
        if lease.taken > LARGEST {
            return Err(BodyError::TooLarge);
        }
        // Most bodies come in one piece, which need not be copied.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok(Held {
        bytes,
        _lease: lease,
    })
}

/// Unpacks bytes that are packed as their sender says (`Content-Encoding`, `grpc-encoding`).
pub(super) fn unpack(bytes: Bytes, coding: &str) -> Result<Bytes, BodyError> {
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => unpack_from(MultiGzDecoder::new(&*bytes)),
        "deflate" => unpack_from(ZlibDecoder::new(&*bytes)),
        other => Err(BodyError::UnknownCoding(other.chars().take(40).collect())),
    }
}

/// However much it would become: no more than is taken is unpacked.
fn unpack_from(packed: impl Read) -> Result<Bytes, BodyError> {
    let mut unpacked = Vec::new();
    let mut bounded = packed.take(LARGEST as u64 + 1);
    let read = bounded.read_to_end(&mut unpacked);
    read.map_err(|error| BodyError::Broken(error.to_string()))?;
    if unpacked.len() > LARGEST {
        return Err(BodyError::TooLarge);
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap().into()
    }

    #[test]
    fn what_is_packed_is_unpacked_within_bounds() {
        let words = b"spans and spans and spans";
        assert_eq!(unpack(gzip(words), " GZIP").unwrap(), &words[..]);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(words).unwrap();
        assert_eq!(
            unpack(packed.finish().unwrap().into(), "deflate").unwrap(),
            &words[..]
        );
        assert_eq!(unpack(Bytes::from_static(words), "").unwrap(), &words[..]);
        let bomb = gzip(&vec![0; 4 * LARGEST]);
        assert!(bomb.len() < LARGEST / 50);
        assert_eq!(unpack(bomb, "gzip"), Err(BodyError::TooLarge));
        assert!(matches!(
            unpack(Bytes::from_static(words), "gzip"),
            Err(BodyError::Broken(_))
        ));
        assert!(matches!(
            unpack(gzip(words).slice(..20), "gzip"),
            Err(BodyError::Broken(_))
        ));
        assert_eq!(
            unpack(Bytes::new(), "zstd"),
            Err(BodyError::UnknownCoding("zstd".into()))
        );
    }
}
