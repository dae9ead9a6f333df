//! The real binary on a real terminal, read by a terminal emulator.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::shop::{Copy, wait_until};

/// A program on a terminal.
pub(crate) struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    /// Whether the last byte has been read.
    drained: Arc<AtomicBool>,
    keys: Box<dyn Write + Send>,
    /// The program.
    pub(crate) child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts the binary on this copy, on a terminal of this size.
    pub(crate) fn start(copy: &Copy, arguments: &[&str], columns: u16, rows: u16) -> Self {
        Self::with(copy, arguments, (columns, rows), &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn with(
        copy: &Copy,
        arguments: &[&str],
        (columns, rows): (u16, u16),
        environment: &[(&str, &str)],
    ) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a terminal can be opened");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_boatyard"));
        command.args(arguments);
        command.args(["-C", &copy.directory().display().to_string()]);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        for (name, value) in copy.environment() {
            command.env(name, value);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair
            .slave
            .spawn_command(command)
            .expect("the binary starts");
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair
            .master
            .try_clone_reader()
            .expect("the terminal can be read");
        let keys = pair
            .master
            .take_writer()
            .expect("the terminal can be written to");
        let (into_screen, into_raw) = (Arc::clone(&screen), Arc::clone(&raw));
        let drained = Arc::new(AtomicBool::new(false));
        let at_end = Arc::clone(&drained);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 {
                    break;
                }
                into_screen
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .process(&buffer[..count]);
                into_raw
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&buffer[..count]);
            }
            at_end.store(true, Ordering::Release);
        });
        Self {
            screen,
            raw,
            drained,
            keys,
            child,
            master: pair.master,
        }
    }

    /// What the screen shows now.
    pub(crate) fn text(&self) -> String {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .screen()
            .contents()
    }

    /// Whether the program is on the alternate screen now.
    pub(crate) fn is_alternate(&self) -> bool {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .screen()
            .alternate_screen()
    }

    /// The ground of the cell in the lower left corner.
    pub(crate) fn ground(&self) -> vt100::Color {
        let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let (rows, _) = screen.screen().size();
        let cell = screen.screen().cell(rows.saturating_sub(1), 0);
        cell.map_or(vt100::Color::Default, vt100::Cell::bgcolor)
    }

    /// Every byte that reached the terminal.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.raw
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until the screen shows all of these.
    pub(crate) fn shows(&self, wished: &[&str]) -> String {
        let mut last = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(&format!("a screen with {wished:?}"), || {
                last = self.text();
                wished
                    .iter()
                    .all(|part| last.contains(part))
                    .then(|| last.clone())
            })
        }));
        found.unwrap_or_else(|_| {
            panic!(
                "the screen never showed {wished:?}; it showed:\n{}",
                self.text()
            )
        })
    }

    /// Waits until the screen does not show this any more.
    pub(crate) fn hides(&self, gone: &str) {
        wait_until(&format!("a screen without {gone:?}"), || {
            (!self.text().contains(gone)).then_some(())
        });
    }

    /// Presses keys, given as the bytes that a terminal sends.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .and_then(|()| self.keys.flush())
            .expect("the terminal takes keys");
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .screen_mut()
            .set_size(rows, columns);
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master
            .resize(size)
            .expect("the terminal can be resized");
    }

    /// Waits for the program's end, and for all that it wrote, and gives its exit code.
    pub(crate) fn ended(&mut self) -> u32 {
        let status = wait_until("the end of the program", || {
            self.child.try_wait().expect("it can be waited for")
        });
        wait_until("its last output", || {
            self.drained.load(Ordering::Acquire).then_some(())
        });
        status.exit_code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
