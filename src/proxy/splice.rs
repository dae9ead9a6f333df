//! Bytes both ways between two connections, counted as they pass.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

use super::fault::Pace;

/// Size of the buffer of each direction.
const BUFFER: usize = 16 << 10;

/// Bytes that have passed.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// From the caller.
    pub(super) up: AtomicU64,
    /// From the callee.
    pub(super) down: AtomicU64,
}

/// Relays until both sides have ended. The end of one side is passed on (half-close) while the other still speaks;
/// an error of either side ends both. `look` sees what the caller says. Each direction passes at most so many bytes a
/// second, if `bandwidth` says so.
pub(super) async fn splice<A, B>(
    caller: A,
    run: B,
    passed: &Passed,
    bandwidth: Option<u64>,
    look: impl FnMut(&[u8]),
) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let pace = || bandwidth.map(Pace::new);
    let (from_caller, to_caller) = split(caller);
    let (from_run, to_run) = split(run);
    tokio::try_join!(
        pump((from_caller, to_run), &passed.up, pace(), look),
        pump((from_run, to_caller), &passed.down, pace(), |_| {}),
    )?;
    Ok(())
}

async fn pump<A, B>(
    (mut from, mut to): (ReadHalf<A>, WriteHalf<B>),
    passed: &AtomicU64,
    mut pace: Option<Pace>,
    mut look: impl FnMut(&[u8]),
) -> io::Result<()>
where
    A: AsyncRead,
    B: AsyncWrite,
{
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            // The other side may be gone already, which is no failure of this direction.
            drop(to.shutdown().await);
            return Ok(());
        }
        look(&buffer[..read]);
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let room = match &mut pace {
                Some(pace) => pace.room(rest.len()).await,
                None => rest.len(),
            };
            to.write_all(&rest[..room]).await?;
            to.flush().await?;
            passed.fetch_add(room as u64, Ordering::Relaxed);
            rest = &rest[room..];
        }
    }
}
