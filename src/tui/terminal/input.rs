//! What the terminal says, read by a thread of its own.
//!
//! Whether there is something to read is asked anew each time (`poll`), so nothing that arrives together with something else is
//! missed; and the thread can be told to keep its hands off the terminal while another program has it.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossterm::event::Event;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{QueueSelector, isatty, tcflush};
use tokio::sync::mpsc;

use super::bytes::{Reader, Told};
use crate::tui::theme::Ground;

/// What comes from the terminal.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tui) enum Heard {
    /// A key, a click, a paste, a new size.
    Event(Event),
    /// It said whether it is dark or light.
    Ground(Ground),
    /// It is gone.
    Lost,
}

/// "What is your background?" (OSC 11), then "who are you?" (DA1), which every terminal answers: the second answer tells that
/// the first one, if there is any, has come.
pub(super) const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";

/// An answer that has not come by then is not waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// When the terminal was last asked something that it has not answered.
static ASKED: Mutex<Option<Instant>> = Mutex::new(None);
static ANSWERED: Condvar = Condvar::new();

/// To be called whenever [`QUESTION`] is asked.
pub(super) fn asked() {
    *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

fn is_asked() -> bool {
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    asked.is_some_and(|asked| asked.elapsed() < ANSWERED_WITHIN)
}

fn answered() {
    *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = None;
    ANSWERED.notify_all();
}

/// Waits for an answer that may still come, but for no longer than `patience`; then throws away whatever was said and not
/// heard, so that it is no other program's input.
pub(super) fn settle(patience: Duration) {
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.is_some_and(|asked| asked.elapsed() < ANSWERED_WITHIN) {
        // A lock that somebody panicked with is as good as any: it holds a time.
        drop(ANSWERED.wait_timeout_while(asked, patience, |asked| asked.is_some()));
    } else {
        drop(asked);
    }
    answered();
    if let Ok(terminal) = terminal() {
        // A terminal that is gone needs nothing.
        tcflush(&terminal, QueueSelector::IFlush).unwrap_or_default();
    }
}

/// Where keys come from: standard input, or the terminal of this process if that is something else.
fn terminal() -> io::Result<OwnedFd> {
    let input = io::stdin();
    if isatty(&input) {
        return input.as_fd().try_clone_to_owned();
    }
    File::open("/dev/tty").map(OwnedFd::from)
}

/// The ears: what was heard, and whether more is listened for.
#[derive(Debug)]
pub(in crate::tui) struct Ears {
    heard: mpsc::UnboundedReceiver<Heard>,
    gate: Arc<Gate>,
    wake: PipeWriter,
}

/// What the thread is told, and what it tells about itself.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    wished: Wished,
    /// The thread does not touch the terminal.
    is_away: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wished {
    #[default]
    Listening,
    Away,
    Ended,
}

impl Ears {
    /// Begins to listen.
    ///
    /// # Errors
    /// When this process has no terminal to read from, or no thread can be had.
    pub(in crate::tui) fn open() -> io::Result<Self> {
        let (told, heard) = mpsc::unbounded_channel();
        let terminal = terminal()?;
        let (woken, wake) = io::pipe()?;
        let gate = Arc::<Gate>::default();
        let at_gate = Arc::clone(&gate);
        std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || {
                listen(&terminal, woken, &at_gate, &told);
                at_gate.lock().is_away = true;
                at_gate.changed.notify_all();
            })?;
        Ok(Self { heard, gate, wake })
    }

    /// What is heard next; `None`: never again. Dropping the future loses nothing.
    pub(in crate::tui) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// What was heard already.
    pub(in crate::tui) fn try_next(&mut self) -> Option<Heard> {
        self.heard.try_recv().ok()
    }

    /// Leaves the terminal to another program; once this returns, nothing of its input is taken. Waits for at most a second, in
    /// case the thread hangs in a terminal that is no good.
    pub(in crate::tui) fn pause(&mut self) {
        self.wish(Wished::Away);
        let state = self.gate.lock();
        let waited = |state: &mut State| !state.is_away;
        let second = Duration::from_secs(1);
        drop(self.gate.changed.wait_timeout_while(state, second, waited));
    }

    /// Listens again.
    pub(in crate::tui) fn resume(&mut self) {
        self.wish(Wished::Listening);
    }

    fn wish(&mut self, wished: Wished) {
        self.gate.lock().wished = wished;
        self.gate.changed.notify_all();
        // A thread that is gone needs no waking.
        drop(self.wake.write_all(b"!"));
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.wish(Wished::Ended);
    }
}

impl Gate {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until listening is wished; false: it never is again.
    fn pass(&self) -> bool {
        let mut state = self.lock();
        state.is_away = state.wished == Wished::Away;
        self.changed.notify_all();
        let wait = self
            .changed
            .wait_while(state, |state| state.wished == Wished::Away);
        let mut state = wait.unwrap_or_else(PoisonError::into_inner);
        state.is_away = state.wished == Wished::Ended;
        !state.is_away
    }
}

/// Reads until the terminal is gone, or nobody wants to know.
fn listen(
    terminal: &OwnedFd,
    mut woken: PipeReader,
    gate: &Gate,
    heard: &mpsc::UnboundedSender<Heard>,
) {
    let mut reader = Reader::default();
    let mut told = Vec::new();
    let is_far = std::env::var_os("SSH_CONNECTION").is_some();
    while gate.pass() {
        // Pieces of an answer, and whatever comes over a network, may come further apart.
        let least = match is_asked() {
            true => Duration::from_millis(100),
            false if is_far => Duration::from_millis(25),
            false => Duration::ZERO,
        };
        let patience = reader.patience().map(|patience| patience.max(least));
        let come = next(terminal.as_fd(), woken.as_fd(), patience);
        match come {
            Come::Word => {
                drop(woken.read(&mut [0; 64]));
                // What was under way belongs to what was before.
                reader = Reader::default();
            }
            Come::Bytes(bytes) => reader.take(&bytes, &mut told),
            Come::Nothing => reader.give_up(&mut told),
            Come::End => {
                drop(heard.send(Heard::Lost));
                return;
            }
        }
        for told in told.drain(..) {
            let said = match told {
                Told::Event(event) => Heard::Event(event),
                Told::Ground(ground) => Heard::Ground(ground),
                Told::Attributes => {
                    answered();
                    continue;
                }
            };
            if heard.send(said).is_err() {
                return;
            }
        }
    }
}

/// What the thread was woken by.
enum Come {
    /// There is a new wish.
    Word,
    /// The terminal said this.
    Bytes(Vec<u8>),
    /// It said nothing for as long as it was waited for.
    Nothing,
    /// It is gone.
    End,
}

fn next(terminal: BorrowedFd<'_>, woken: BorrowedFd<'_>, patience: Option<Duration>) -> Come {
    let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let mut ready = [
        PollFd::new(&woken, PollFlags::IN),
        PollFd::new(&terminal, PollFlags::IN),
    ];
    loop {
        match poll(&mut ready, timeout.as_ref()) {
            Ok(0) => return Come::Nothing,
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Come::End,
        }
    }
    if !ready[0].revents().is_empty() {
        return Come::Word;
    }
    let mut bytes = vec![0; 4096];
    match rustix::io::read(terminal, &mut bytes) {
        Ok(0) => Come::End,
        Ok(count) => {
            bytes.truncate(count);
            Come::Bytes(bytes)
        }
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Come::Bytes(Vec::new()),
        Err(_) => Come::End,
    }
}
