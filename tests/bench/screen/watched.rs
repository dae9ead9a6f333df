//! The real binary on a terminal whose every change is timed.

use std::fs;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::end_to_end::shop::Copy;
use super::{COLUMNS, ROWS};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// With what a frame begins: an update that the terminal shows at once.
const FRAME: &[u8] = b"\x1b[?2026h";

/// A program on a terminal.
pub(super) struct Watched {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
}

struct Seen {
    screen: vt100::Parser,
    /// What is waited for, and whether it is to come or to go.
    wanted: Option<(String, bool)>,
    /// When that was so.
    met: Option<Instant>,
    frames: usize,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.frames += bytes
            .windows(FRAME.len())
            .filter(|part| *part == FRAME)
            .count();
        self.look();
    }

    fn look(&mut self) {
        let Some((words, comes)) = &self.wanted else {
            return;
        };
        if self.screen.screen().contents().contains(words) == *comes {
            self.met = Some(Instant::now());
            self.wanted = None;
        }
    }
}

impl Watched {
    /// Starts the binary on this copy.
    pub(super) fn start(copy: &Copy, arguments: &[&str]) -> Self {
        let size = PtySize {
            rows: ROWS,
            cols: COLUMNS,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_boatyard"));
        command.args(arguments);
        command.args(["-C", &copy.directory().display().to_string()]);
        command.env("TERM", "xterm-256color");
        for (name, value) in copy.environment() {
            command.env(name, value);
        }
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the binary starts");
        let mut reader = pair.master.try_clone_reader().expect("it can be read");
        let seen = Arc::new((
            Mutex::new(Seen {
                screen: vt100::Parser::new(ROWS, COLUMNS, 0),
                wanted: None,
                met: None,
                frames: 0,
            }),
            Condvar::new(),
        ));
        let into = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                into.0
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take(&buffer[..count]);
                into.1.notify_all();
            }
        });
        Self {
            seen,
            keys: pair.master.take_writer().expect("it can be written to"),
            child,
            _master: pair.master,
        }
    }

    /// Presses a key; how long it took until these words were on the screen, or gone from it.
    pub(super) fn answer(&mut self, key: &str, words: &str, comes: bool) -> Duration {
        let began = Instant::now();
        self.want(words, comes);
        self.keys.write_all(key.as_bytes()).expect("it takes keys");
        self.met(words).saturating_duration_since(began)
    }

    /// Waits until these words are on the screen.
    pub(super) fn wait_for(&mut self, words: &str) {
        self.want(words, true);
        self.met(words);
    }

    fn want(&self, words: &str, comes: bool) {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.met = None;
        seen.wanted = Some((words.to_owned(), comes));
        seen.look();
    }

    fn met(&self, words: &str) -> Instant {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .seen
            .1
            .wait_timeout_while(seen, PATIENCE, |seen| seen.met.is_none());
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        seen.met.unwrap_or_else(|| {
            panic!(
                "waited for {words:?}; the screen:\n{}",
                seen.screen.screen().contents()
            )
        })
    }

    /// Frames so far.
    pub(super) fn frames(&self) -> usize {
        self.seen
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frames
    }

    /// Its processor time so far, in seconds: fields 14 and 15 of `/proc/PID/stat`, in ticks of 10 ms.
    pub(super) fn worked(&self) -> f64 {
        let pid = self.child.process_id().expect("it runs");
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let times = after_name.split_whitespace().skip(11).take(2);
        times
            .filter_map(|time| time.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0
    }

    /// Stops everything.
    pub(super) fn end(&mut self) {
        self.keys.write_all(b"q").expect("it takes keys");
        self.child.wait().expect("it ends");
    }
}
