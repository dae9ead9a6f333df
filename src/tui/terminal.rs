//! The real terminal: taken over, given back whatever happens, written to without ever waiting for it.

mod bytes;
mod facts;
mod input;
mod lent;
mod sequence;
mod writer;

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, queue, terminal};

pub(super) use facts::{depth, ground};
pub(super) use input::{Ears, Heard};
pub(super) use lent::Editors;
pub use writer::FrameWriter;
pub(super) use writer::Lane;

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal tells when it gets dark or light (private mode 2031, where it is known): `ESC [ ? 997 ; 1 n`, or 2.
const TELLS_GROUND: &[u8] = b"\x1b[?2031h";

/// How long a terminal that takes nothing, or answers nothing, may delay giving it back.
const PATIENCE: Duration = Duration::from_millis(200);

/// How the terminal is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    /// Clicks and the wheel come here.
    pub(super) mouse: bool,
    /// It is asked whether it is dark or light, and tells when that changes.
    pub(super) ground: bool,
}

/// Takes the terminal: raw mode, the alternate screen, pastes as one piece, and what else is wanted.
///
/// # Errors
/// When standard output is no terminal, or the terminal refuses raw mode.
pub(super) fn take(manner: Manner) -> io::Result<()> {
    if !io::stdout().is_terminal() {
        return Err(io::Error::other(
            "standard output is no terminal; `boatyard watch` needs none",
        ));
    }
    restore_on_panic();
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut bytes = Vec::new();
    queue!(
        bytes,
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide
    )?;
    if manner.mouse {
        queue!(bytes, EnableMouseCapture)?;
    }
    if manner.ground {
        bytes.extend(follow_ground());
    }
    writer::write_within(&bytes, PATIENCE)
}

/// Asks the terminal to tell when it gets dark or light, and what it is now, as bytes to be written with the next frame.
pub(super) fn follow_ground() -> Vec<u8> {
    [TELLS_GROUND, ask_ground()].concat()
}

/// Asks whether the terminal is dark or light, as bytes to be written with the next frame.
pub(super) fn ask_ground() -> &'static [u8] {
    input::asked();
    input::QUESTION
}

/// Gives the mouse to the terminal, or takes it, as bytes to be written with the next frame.
pub(super) fn mouse(ours: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    drop(if ours {
        queue!(bytes, EnableMouseCapture)
    } else {
        queue!(bytes, DisableMouseCapture)
    });
    bytes
}

/// Puts text into the terminal's clipboard, as bytes to be written with the next frame.
///
/// OSC 52 of xterm's control sequences: `ESC ] 52 ; c ; BASE64 ST`.
pub(super) fn copy(text: &str) -> Vec<u8> {
    format!("\x1b]52;c;{}\x1b\\", base64(text.as_bytes())).into_bytes()
}

/// Gives the terminal back as it was. Does nothing if it is not taken, so it may be called from anywhere, any number of
/// times: on quit, on a panic, on a signal.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut bytes = Vec::new();
    bytes.extend_from_slice(b"\x1b[?2026l\x1b[0m\x1b[?2031l");
    // Writing to memory cannot fail, and a terminal that is gone needs nothing back.
    drop(queue!(
        bytes,
        DisableMouseCapture,
        DisableBracketedPaste,
        DisableFocusChange,
        LeaveAlternateScreen,
        cursor::Show
    ));
    drop(writer::write_within(&bytes, PATIENCE));
    input::settle(PATIENCE);
    drop(terminal::disable_raw_mode());
}

/// Gives the terminal back, stops this process as Ctrl-Z does, and takes the terminal again afterwards.
///
/// # Errors
/// When the terminal cannot be taken again.
pub(super) fn suspend(manner: Manner) -> io::Result<()> {
    restore();
    // The whole job stops, as if the shell's own Ctrl-Z had been pressed.
    rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
    take(manner)
}

fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Base 64 of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let part = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = part(0) << 16 | part(1) << 8 | part(2);
        for place in 0..4 {
            let letter = LETTERS[(group >> (18 - 6 * place) & 63) as usize];
            let shown = if place <= chunk.len() { letter } else { b'=' };
            text.push(char::from(shown));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(copy("foo"), b"\x1b]52;c;Zm9v\x1b\\");
    }

    #[test]
    fn restoring_what_was_not_taken_does_nothing() {
        restore();
        restore();
        assert!(!TAKEN.load(Ordering::SeqCst));
    }
}
