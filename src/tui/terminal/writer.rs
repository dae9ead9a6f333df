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

/// What the backend writes when no cell differs: default colours and attributes, and that no cursor is shown.
const NO_CHANGE: &[u8] = b"\x1b[39m\x1b[49m\x1b[59m\x1b[0m\x1b[?25l";
/// With this ends a frame without a cursor.
const NO_CURSOR: &[u8] = b"\x1b[?25l";

/// The way of whole frames to the terminal; at most one is on it.
#[derive(Debug)]
pub(in crate::tui) struct Lane {
    frame: Arc<Mutex<Vec<u8>>>,
    /// Whether the last frame showed no cursor, so that one with no change would do nothing.
    is_bare: AtomicBool,
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
        let (frames, waiting) = mpsc::channel::<Vec<u8>>();
        let (lane, writer) = Self::into(frames);
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
        Ok((lane, writer))
    }

    /// A lane whose frames go there.
    fn into(frames: mpsc::Sender<Vec<u8>>) -> (Self, FrameWriter) {
        let frame = Arc::default();
        let writer = FrameWriter(Arc::clone(&frame));
        let lane = Self {
            frame,
            is_bare: AtomicBool::new(false),
            frames,
            busy: Arc::default(),
            lost: Arc::default(),
            taken: Arc::default(),
        };
        (lane, writer)
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

    /// Sends what was written, as one update that the terminal shows at once (DEC private mode 2026, where it is known); nothing if
    /// it would change nothing.
    pub(in crate::tui) fn commit(&self) {
        let mut frame = self.frame.lock().unwrap_or_else(PoisonError::into_inner);
        let was_bare = self
            .is_bare
            .swap(frame.ends_with(NO_CURSOR), Ordering::SeqCst);
        if frame.is_empty() || was_bare && *frame == NO_CHANGE {
            frame.clear();
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

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::CrosstermBackend;
    use ratatui::layout::{Position, Rect};
    use ratatui::{TerminalOptions, Viewport};

    use super::*;

    #[test]
    fn a_frame_that_changes_nothing_does_not_reach_the_terminal() {
        let (frames, sent) = mpsc::channel();
        let (lane, writer) = Lane::into(frames);
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 20, 1)),
        };
        let backend = CrosstermBackend::new(writer);
        let mut screen = Terminal::with_options(backend, options).expect("a screen");
        let mut draw = |words: &str, cursor: bool| {
            screen
                .draw(|frame| {
                    frame.render_widget(words, frame.area());
                    if cursor {
                        frame.set_cursor_position(Position::ORIGIN);
                    }
                })
                .expect("it is drawn");
            lane.commit();
            sent.try_iter().count()
        };
        assert_eq!(draw("one", false), 1);
        assert_eq!(draw("one", false), 0);
        assert_eq!(draw("one", true), 1);
        assert_eq!(draw("one", false), 1, "the cursor goes");
        assert_eq!(draw("one", false), 0);
        assert_eq!(draw("two", false), 1);
        lane.add(b"\x07");
        assert_eq!(draw("two", false), 1);
    }
}
