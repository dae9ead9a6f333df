//! Frames go to the terminal from a thread of their own, so that a terminal that takes nothing (a slow line, Ctrl-S)
//! never stops the session.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::Notify;

/// Where the backend writes: memory, until the frame is whole.
#[derive(Debug)]
pub struct FrameWriter(Arc<Mutex<Vec<u8>>>);

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut frame = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way of whole frames to the terminal; at most one is on it.
#[derive(Debug)]
pub(in crate::tui) struct Lane {
    frame: Arc<Mutex<Vec<u8>>>,
    frames: mpsc::Sender<Vec<u8>>,
    busy: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
    /// Told when the terminal has taken a frame.
    pub(in crate::tui) taken: Arc<Notify>,
}

impl Lane {
    /// A lane to standard output, and where to write.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(in crate::tui) fn open() -> io::Result<(Self, FrameWriter)> {
        let frame = Arc::new(Mutex::new(Vec::new()));
        let (frames, waiting) = mpsc::channel::<Vec<u8>>();
        let lane = Self {
            frame: Arc::clone(&frame),
            frames,
            busy: Arc::default(),
            lost: Arc::default(),
            taken: Arc::default(),
        };
        let (busy, lost, taken) = (
            Arc::clone(&lane.busy),
            Arc::clone(&lane.lost),
            Arc::clone(&lane.taken),
        );
        std::thread::Builder::new()
            .name("screen".into())
            .spawn(move || {
                for frame in waiting {
                    if write_all(&frame, None).is_err() {
                        lost.store(true, Ordering::SeqCst);
                    }
                    busy.store(false, Ordering::SeqCst);
                    taken.notify_one();
                }
            })?;
        Ok((lane, FrameWriter(frame)))
    }

    /// Whether a frame is still being written: then no other may be drawn.
    pub(in crate::tui) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Whether the terminal is gone.
    pub(in crate::tui) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Adds bytes to what goes with the next frame.
    pub(in crate::tui) fn add(&self, bytes: &[u8]) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        frame.extend_from_slice(bytes);
    }

    /// Sends what was written, as one update that the terminal shows at once (DEC private mode 2026, where it is known).
    pub(in crate::tui) fn commit(&self) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        if frame.is_empty() {
            return;
        }
        let mut whole = Vec::with_capacity(frame.len() + 16);
        whole.extend_from_slice(b"\x1b[?2026h");
        whole.append(&mut frame);
        whole.extend_from_slice(b"\x1b[?2026l");
        self.busy.store(true, Ordering::SeqCst);
        // The thread ends only when this lane is dropped.
        drop(self.frames.send(whole));
    }

    /// Waits until the last frame is written, but not for a terminal that takes nothing.
    pub(in crate::tui) fn settle(&self) {
        let until = Instant::now() + super::PATIENCE;
        while self.is_busy() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Writes these bytes to the terminal, or gives up after `patience`.
///
/// # Errors
/// When the terminal is gone or took too long.
pub(super) fn write_within(bytes: &[u8], patience: Duration) -> io::Result<()> {
    write_all(bytes, Some(Instant::now() + patience))
}

/// Writes past the standard library's lock, which a stalled frame would hold.
fn write_all(mut bytes: &[u8], until: Option<Instant>) -> io::Result<()> {
    let terminal = rustix::stdio::stdout();
    while !bytes.is_empty() {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let mut ready = [PollFd::new(&terminal, PollFlags::OUT)];
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        // A terminal that is ready may still take less than all; small pieces never block for long.
        let piece = &bytes[..bytes.len().min(4096)];
        match rustix::io::write(terminal, piece) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
