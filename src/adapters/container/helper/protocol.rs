//! What Boatyard and a helper say to each other: frames over a unix socket.
//!
//! A frame is the length of its head (4 bytes, big endian), the length of its body (8 bytes), the head as JSON, and the body:
//! the contents of files, one after another.

use std::io;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

/// A longer head is none of ours.
const LONGEST_HEAD: u32 = 64 << 20;

/// A longer body is none of ours: whoever sends splits.
const LONGEST_BODY: u64 = 256 << 20;

/// What a helper is told, with a number that its answer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Told {
    pub(in super::super) id: u64,
    pub(in super::super) order: Order,
}

/// What a helper can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub(in super::super) enum Order {
    /// Start the program. Answered when it runs.
    Start,
    /// Write these files, whose contents follow. Answered when they are in their places.
    Files { files: Vec<FileHead> },
    /// End the program with this signal, or by force after the grace, and start it again. Answered when it runs.
    Restart { signal: String, grace_ms: u64 },
    /// Send the program this signal.
    Signal { signal: String },
    /// End the program likewise, but stay: the container's name and address are kept. Answered when it has ended, with the
    /// ports at which it listened.
    Yield { signal: String, grace_ms: u64 },
    /// From now on listen at these ports, and pass connections on to the same ports of one of these addresses; hold them
    /// while there is none.
    Forward { ports: Vec<u16>, to: Vec<IpAddr> },
    /// From now on listen nowhere: connections are refused.
    Refuse,
}

/// One file to write or to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct FileHead {
    /// Absolute path inside.
    pub(in super::super) to: String,
    /// What is to be there.
    pub(in super::super) contents: Contents,
    /// Whose it becomes, as `user` or `user:group`; `None`: the user's that the program runs as.
    pub(in super::super) owner: Option<String>,
    /// Permission bits.
    pub(in super::super) mode: u32,
    /// Time of the last change, in seconds since 1970.
    pub(in super::super) modified: i64,
}

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum Contents {
    /// A file whose content is this many bytes of the body.
    File { size: u64 },
    /// A symbolic link.
    Link { target: String },
    /// A folder.
    Folder,
    /// Nothing.
    Gone,
}

/// What a helper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "kebab-case")]
pub(in super::super) enum Word {
    /// Which helper this is: the key it was started with.
    Hello { key: String },
    /// The order of this number has been carried out, or has failed.
    Done {
        id: u64,
        error: Option<String>,
        done: Done,
    },
}

/// What else there is to say of an order that has been carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Done {
    /// The ports at which the program listens, or did.
    pub(in super::super) ports: Vec<u16>,
    /// The exit code of the program that was ended.
    pub(in super::super) code: Option<i32>,
}

/// A frame, complete.
pub(super) fn frame(head: &impl Serialize, body: &[u8]) -> io::Result<Vec<u8>> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(12 + head.len() + body.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(body);
    Ok(bytes)
}

/// The next frame; `None` at the end. A frame that cannot be ours is an error: the connection is of no further use.
pub(super) async fn next<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut lengths = [0; 12];
    match stream.read_exact(&mut lengths).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => drop(read?),
    }
    let (head, body) = lengths.split_at(4);
    let head = u32::from_be_bytes(head.try_into().map_err(io::Error::other)?);
    let body = u64::from_be_bytes(body.try_into().map_err(io::Error::other)?);
    if head > LONGEST_HEAD || body > LONGEST_BODY {
        return Err(io::Error::other("a frame that is too long"));
    }
    let mut text = vec![0; head as usize];
    stream.read_exact(&mut text).await?;
    let mut bytes = vec![0; usize::try_from(body).map_err(io::Error::other)?];
    stream.read_exact(&mut bytes).await?;
    Ok(Some((serde_json::from_slice(&text)?, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<T: DeserializeOwned>(mut bytes: &[u8]) -> io::Result<Option<(T, Vec<u8>)>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(next(&mut bytes))
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let files = vec![FileHead {
            to: "/app/ä".into(),
            contents: Contents::File { size: 3 },
            owner: None,
            mode: 0o644,
            modified: -1,
        }];
        let told = Told {
            id: 7,
            order: Order::Files { files },
        };
        let bytes = frame(&told, b"abc").unwrap();
        assert_eq!(read(&bytes).unwrap(), Some((told, b"abc".to_vec())));
        assert_eq!(read::<Told>(b"").unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            // Lengths that are allowed and that nobody sends are waited for, which ends with the bytes.
            let _ = read::<Word>(&bytes);
        }
    }
}
