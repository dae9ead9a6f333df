//! Bytes both ways between two connections, counted as they pass.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};

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
/// an error of either side ends both. `look` sees what the caller says.
pub(super) async fn splice<A, B>(
    caller: A,
    run: B,
    passed: &Passed,
    look: impl FnMut(&[u8]),
) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (from_caller, to_caller) = split(caller);
    let (from_run, to_run) = split(run);
    tokio::try_join!(
        pump(from_caller, to_run, &passed.up, look),
        pump(from_run, to_caller, &passed.down, |_| {}),
    )?;
    Ok(())
}

async fn pump<A, B>(
    mut from: ReadHalf<A>,
    mut to: WriteHalf<B>,
    passed: &AtomicU64,
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
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
        passed.fetch_add(read as u64, Ordering::Relaxed);
    }
}
