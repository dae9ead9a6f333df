//! The terminals inside services: what a shell, a command or the service itself shows there, and what is typed into it.
//!
//! An adapter feeds what comes into an emulator of its own; views look at the cells and type. The engine knows nothing of
//! all this: it only says in which run somebody wants to be. Nothing here grows without bound: there is one terminal for
//! each service and [`Kind`], its scrollback is limited, and what is typed is dropped when nobody takes it.

mod emulator;
mod filter;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use self::emulator::Emulator;
use crate::stack::ServiceName;
use crate::text::Style;

pub use emulator::Modes;

/// So many pieces of what was typed may wait for a program that reads nothing.
const TYPED: usize = 256;

/// Width and height in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

/// What somebody is inside a service for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// To work in a shell.
    Shell,
    /// To see and to type into the terminal that the service's own program has.
    Own,
    /// To run one command.
    Command,
}

impl Kind {
    /// It in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Own => "terminal",
            Self::Command => "command",
        }
    }
}

/// Which terminal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// In which service.
    pub service: ServiceName,
    /// What for.
    pub kind: Kind,
}

/// How a terminal stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its program is being started.
    Opening,
    /// Its program runs; which one it is.
    Open(String),
    /// It is over: how it ended. What it showed stays.
    Ended(String),
}

/// What its adapter is asked, beside what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// To be this large; `None`: nobody looks at it.
    pub size: Option<Size>,
    /// To end.
    pub end: bool,
}

/// One terminal.
#[derive(Debug)]
pub struct Terminal {
    /// Which one.
    pub key: Key,
    /// The run that it is inside of.
    pub run: u64,
    /// The command line, if it is for one.
    pub line: Option<String>,
    inner: Mutex<Inner>,
    wish: watch::Sender<Wish>,
    changed: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct Inner {
    emulator: Emulator,
    size: Size,
    standing: Standing,
    /// Where what is typed goes, until it is over.
    typed: Option<mpsc::Sender<Vec<u8>>>,
}

impl Terminal {
    /// Takes in what its program printed, and answers what that asks of a terminal.
    pub fn feed(&self, bytes: &[u8]) {
        /// Who looks need not wait longer than it takes to draw this much.
        const PIECE: usize = 8 << 10;
        for piece in bytes.chunks(PIECE) {
            let mut inner = self.inner();
            let answers = inner.emulator.feed(piece);
            if !answers.is_empty() {
                inner.send(answers);
            }
        }
        self.touch();
    }

    /// Types; whether there was room for it. Nothing is typed into what is over.
    pub fn type_in(&self, bytes: Vec<u8>) -> bool {
        let mut inner = self.inner();
        // Whoever types wants to see what comes of it.
        inner.emulator.scroll_to_end(false);
        inner.send(bytes)
    }

    /// Gives it this size, now that somebody looks at it.
    pub fn resize(&self, size: Size) {
        let mut inner = self.inner();
        if inner.size != size {
            inner.size = size;
            inner.emulator.resize(size);
        }
        drop(inner);
        self.ask(|wish| wish.size = Some(size));
    }

    /// Nobody looks at it any more.
    pub fn leave(&self) {
        self.inner().emulator.scroll_to_end(false);
        self.ask(|wish| wish.size = None);
    }

    /// Wants it to end.
    pub fn end(&self) {
        self.ask(|wish| wish.end = true);
    }

    fn ask(&self, ask: impl FnOnce(&mut Wish)) {
        self.wish.send_if_modified(|wish| {
            let before = *wish;
            ask(wish);
            *wish != before
        });
    }

    /// Its program runs.
    pub fn opened(&self, with: &str) {
        let mut inner = self.inner();
        if inner.standing == Standing::Opening {
            inner.standing = Standing::Open(with.to_owned());
        }
        drop(inner);
        self.touch();
    }

    /// It is over, and this is how; only the first end counts. The words are shown below what it showed.
    pub fn ended(&self, how: &str) {
        let mut inner = self.inner();
        if matches!(inner.standing, Standing::Ended(_)) {
            return;
        }
        // What a program set and did not take back must not be in the way: the whole screen, the mouse, a region, a
        // look.
        let alternate = inner.emulator.modes().alternate;
        let leave = if alternate { "\x1b[?1049l" } else { "" };
        let mouse = "\x1b[?1000l\x1b[?1002l\x1b[?1003l";
        let own = format!("{leave}{mouse}\x1b7\x1b[?6l\x1b[r\x1b8\x1b[0m");
        drop(inner.emulator.feed(own.as_bytes()));
        let at_start = inner.emulator.column() == 0;
        let next = if at_start { "" } else { "\r\n" };
        let told = format!("{next}\u{2500}\u{2500} {how}\x1b[0m");
        drop(inner.emulator.feed(told.as_bytes()));
        inner.standing = Standing::Ended(how.to_owned());
        inner.typed = None;
        drop(inner);
        self.touch();
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        self.inner().size
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.inner().standing.clone()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.inner().standing, Standing::Ended(_))
    }

    /// What its program asked of a terminal.
    pub fn modes(&self) -> Modes {
        self.inner().emulator.modes()
    }

    /// Looks so many lines further up, or down if negative.
    pub fn scroll(&self, lines: i32) {
        self.inner().emulator.scroll(lines);
    }

    /// Looks at the oldest line that is kept, or at the newest.
    pub fn scroll_to_end(&self, top: bool) {
        self.inner().emulator.scroll_to_end(top);
    }

    /// How many lines further up is looked, and how many are kept there.
    pub fn scrolled(&self) -> (usize, usize) {
        self.inner().emulator.scrolled()
    }

    /// Column and row of its cursor, if it is to be seen.
    pub fn cursor(&self) -> Option<(u16, u16)> {
        self.inner().emulator.cursor()
    }

    /// Every cell that is looked at: column, row, what stands in it (a wide letter has the next cell too), and how it looks.
    /// Nothing in a cell is a control character.
    pub fn cells(&self, each: impl FnMut(u16, u16, &str, Style)) {
        self.inner().emulator.cells(each);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}

impl Inner {
    fn send(&self, bytes: Vec<u8>) -> bool {
        let typed = self.typed.as_ref();
        typed.is_some_and(|typed| typed.try_send(bytes).is_ok())
    }
}

/// How what was inside of a run ends with it, in words.
pub fn ended_with(run: u64) -> String {
    format!("run #{run} ended, and what was inside of it")
}

/// An adapter's side of a terminal. When it is dropped, the terminal is over.
#[derive(Debug)]
pub struct Inside {
    /// The terminal.
    pub terminal: Arc<Terminal>,
    /// What is typed; ends when the terminal is over.
    pub typed: mpsc::Receiver<Vec<u8>>,
    /// What else is asked.
    pub wish: watch::Receiver<Wish>,
}

impl Inside {
    /// The size to begin with.
    pub fn size(&self) -> Size {
        self.terminal.size()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.terminal.ended("it broke off");
    }
}

/// The terminals of a session.
#[derive(Debug)]
pub struct Terminals {
    all: Mutex<Vec<Arc<Terminal>>>,
    /// The size of the next one.
    room: Mutex<Size>,
    changed: Arc<watch::Sender<u64>>,
}

impl Default for Terminals {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            room: Mutex::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Terminals {
    /// Begins a terminal inside a run, in place of the one of this key that is over; `None` if that one still goes on.
    pub fn open(&self, key: Key, run: u64, line: Option<String>) -> Option<Inside> {
        let mut all = self.all();
        if all.iter().any(|known| known.key == key && !known.is_over()) {
            return None;
        }
        all.retain(|known| known.key != key);
        let size = *self.room();
        let (send, typed) = mpsc::channel(TYPED);
        let (wish, wishes) = watch::channel(Wish {
            size: Some(size),
            end: false,
        });
        let terminal = Arc::new(Terminal {
            key,
            run,
            line,
            inner: Mutex::new(Inner {
                emulator: Emulator::new(size),
                size,
                standing: Standing::Opening,
                typed: Some(send),
            }),
            wish,
            changed: Arc::clone(&self.changed),
        });
        all.push(Arc::clone(&terminal));
        drop(all);
        self.changed.send_modify(|version| *version += 1);
        Some(Inside {
            terminal,
            typed,
            wish: wishes,
        })
    }

    /// The terminal of this key, if there is or was one.
    pub fn get(&self, key: &Key) -> Option<Arc<Terminal>> {
        self.all().iter().find(|known| known.key == *key).cloned()
    }

    /// Forgets one that is over.
    pub fn forget(&self, key: &Key) {
        self.all()
            .retain(|known| known.key != *key || !known.is_over());
    }

    /// A run has ended, and with it whatever is inside of it.
    pub fn run_ended(&self, run: u64) {
        let inside: Vec<_> = {
            let all = self.all();
            all.iter()
                .filter(|known| known.run == run)
                .cloned()
                .collect()
        };
        for terminal in inside {
            terminal.ended(&ended_with(run));
            terminal.end();
        }
    }

    /// There is this much room for the next one.
    pub fn give_room(&self, size: Size) {
        *self.room() = size;
    }

    /// A receiver that changes whenever one of them did.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Terminal>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self) -> MutexGuard<'_, Size> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kind: Kind) -> Key {
        Key {
            service: "web".into(),
            kind,
        }
    }

    fn text(terminal: &Terminal) -> String {
        let mut text = String::new();
        terminal.cells(|_, _, symbol, _| text.push_str(symbol));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn there_is_one_for_each_service_and_kind() {
        let terminals = Terminals::default();
        let shell = terminals
            .open(key(Kind::Shell), 1, None)
            .expect("the first");
        assert!(terminals.open(key(Kind::Shell), 1, None).is_none());
        assert!(terminals.open(key(Kind::Command), 1, None).is_some());
        shell.terminal.ended("exit code 0");
        assert!(terminals.open(key(Kind::Shell), 2, None).is_some());
        assert_eq!(terminals.get(&key(Kind::Shell)).map(|it| it.run), Some(2));
    }

    #[test]
    fn what_is_typed_arrives_and_questions_are_answered() {
        let terminals = Terminals::default();
        let mut inside = terminals
            .open(key(Kind::Shell), 1, None)
            .expect("a terminal");
        let terminal = Arc::clone(&inside.terminal);
        assert!(terminal.type_in(b"ls\r".to_vec()));
        terminal.feed(b"\x1b[6n");
        assert_eq!(inside.typed.try_recv().expect("typed"), b"ls\r");
        assert_eq!(inside.typed.try_recv().expect("answered"), b"\x1b[1;1R");
        // A program that reads nothing makes nobody wait.
        let took = (0..1000)
            .filter(|_| terminal.type_in(b"x".to_vec()))
            .count();
        assert_eq!(took, TYPED);
    }

    #[test]
    fn the_end_of_a_run_ends_what_is_inside_and_is_told() {
        let terminals = Terminals::default();
        let inside = terminals
            .open(key(Kind::Shell), 7, None)
            .expect("a terminal");
        inside.terminal.feed(b"\x1b[?1049hwhole screen");
        terminals.run_ended(6);
        assert!(!inside.terminal.is_over());
        terminals.run_ended(7);
        assert!(inside.wish.borrow().end && inside.terminal.is_over());
        assert!(
            text(&inside.terminal).contains("run #7 ended"),
            "{}",
            text(&inside.terminal)
        );
        assert!(!inside.terminal.type_in(b"x".to_vec()));
        drop(inside);
        let kept = terminals.get(&key(Kind::Shell)).expect("still readable");
        assert!(!text(&kept).contains("broke off"), "the first end counts");
        terminals.forget(&key(Kind::Shell));
        assert!(terminals.get(&key(Kind::Shell)).is_none());
    }

    #[test]
    fn the_end_is_told_below_what_was_shown_whatever_was_set() {
        for (shown, told) in [
            ("one\r\ntwo\r\n", "one two ── over"),
            ("one", "one ── over"),
            ("one\x1b[2;5r\x1b[?6h\x1b[?25l\x1b[1;4H", "one ── over"),
            ("one\x1b[?1049hwhole", "one ── over"),
        ] {
            let terminals = Terminals::default();
            let inside = terminals.open(key(Kind::Command), 1, None).expect("one");
            inside.terminal.feed(shown.as_bytes());
            inside.terminal.ended("over");
            assert_eq!(text(&inside.terminal), told, "{shown:?}");
        }
    }

    #[test]
    fn sizes_are_told_once_and_leaving_too() {
        let terminals = Terminals::default();
        let mut inside = terminals.open(key(Kind::Own), 1, None).expect("a terminal");
        let wide = Size {
            columns: 100,
            rows: 30,
        };
        inside.terminal.resize(wide);
        assert!(inside.wish.has_changed().expect("it is there"));
        assert_eq!(inside.wish.borrow_and_update().size, Some(wide));
        inside.terminal.resize(wide);
        assert!(!inside.wish.has_changed().expect("it is there"));
        inside.terminal.leave();
        assert_eq!(inside.wish.borrow_and_update().size, None);
    }
}
