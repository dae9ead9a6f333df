//! Terminal events, read by a thread of their own.

use std::io;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, read};
use tokio::sync::mpsc;

use super::facts;
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

/// Begins to listen; with `ask`, the terminal is first asked whether it is dark or light.
///
/// # Errors
/// When no thread can be had.
pub(in crate::tui) fn listen(ask: bool) -> io::Result<mpsc::UnboundedReceiver<Heard>> {
    let (heard, listener) = mpsc::unbounded_channel();
    std::thread::Builder::new()
        .name("keys".into())
        .spawn(move || {
            if ask {
                let answer = facts::ask_ground();
                let typed = answer
                    .typed
                    .into_iter()
                    .map(|letter| Heard::Event(Event::Key(KeyEvent::from(KeyCode::Char(letter)))));
                for told in answer.ground.map(Heard::Ground).into_iter().chain(typed) {
                    drop(heard.send(told));
                }
            }
            read_all(&heard);
        })?;
    Ok(listener)
}

/// Reads until the terminal is gone or nobody listens.
fn read_all(heard: &mpsc::UnboundedSender<Heard>) {
    let mut late = LateAnswer::default();
    loop {
        let told = match read() {
            Ok(event) if late.swallows(&event) => continue,
            Ok(event) => Heard::Event(event),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => Heard::Lost,
        };
        let is_last = told == Heard::Lost;
        if heard.send(told).is_err() || is_last {
            return;
        }
    }
}

/// Keeps a late answer to our question about colours from being taken for keys: `r` in "rgb:" would restart a service.
#[derive(Debug, Default)]
struct LateAnswer {
    /// How many more keys may belong to it.
    left: u8,
}

impl LateAnswer {
    /// `ESC ] … BEL` or `ESC ] … ESC \` arrives as Alt-], letters, and Ctrl-G or Alt-\.
    fn swallows(&mut self, event: &Event) -> bool {
        let Event::Key(key) = event else {
            return false;
        };
        if key.kind == KeyEventKind::Release {
            return true;
        }
        match (key.code, key.modifiers) {
            (KeyCode::Char(']'), KeyModifiers::ALT) => {
                self.left = 40;
                true
            }
            (KeyCode::Char('g'), KeyModifiers::CONTROL)
            | (KeyCode::Char('\\'), KeyModifiers::ALT)
                if self.left > 0 =>
            {
                self.left = 0;
                true
            }
            (KeyCode::Char(_), _) if self.left > 0 => {
                self.left -= 1;
                true
            }
            _ => {
                self.left = 0;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn a_late_answer_is_no_typing() {
        let mut late = LateAnswer::default();
        let letter = |letter| key(KeyCode::Char(letter), KeyModifiers::NONE);
        assert!(!late.swallows(&letter('r')));
        assert!(late.swallows(&key(KeyCode::Char(']'), KeyModifiers::ALT)));
        for part in "11;rgb:1010/1515/1c1c".chars() {
            assert!(late.swallows(&letter(part)), "{part}");
        }
        assert!(late.swallows(&key(KeyCode::Char('\\'), KeyModifiers::ALT)));
        assert!(!late.swallows(&letter('r')));
    }
}
