//! Editors that a person opened from here: what they are given, and how they ended.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::tui::editor::{Editor, FilePlace, Task};

/// An editor that has ended.
#[derive(Debug)]
pub(in crate::tui) struct Ended {
    /// What is to be said of it; nothing, if all went well.
    pub(in crate::tui) said: Option<String>,
    /// Whether it had the terminal.
    pub(in crate::tui) had_terminal: bool,
}

/// The editors that are open.
#[derive(Debug)]
pub(in crate::tui) struct Editors {
    told: mpsc::UnboundedSender<Ended>,
    ended: mpsc::UnboundedReceiver<Ended>,
    /// The one that has the terminal.
    in_terminal: Option<Pid>,
}

impl Default for Editors {
    fn default() -> Self {
        let (told, ended) = mpsc::unbounded_channel();
        Self {
            told,
            ended,
            in_terminal: None,
        }
    }
}

impl Editors {
    /// Whether one of them has the terminal.
    pub(in crate::tui) fn have_terminal(&self) -> bool {
        self.in_terminal.is_some()
    }

    /// Opens this. An editor that needs the terminal has it from now on: it must have been given back before.
    ///
    /// # Errors
    /// Why it cannot be opened, in one line.
    pub(in crate::tui) fn open(&mut self, editor: &Editor, task: &Task) -> Result<(), String> {
        let (place, written) = place_of(task)?;
        let takes_terminal = editor.takes_terminal();
        let (program, arguments) = editor.command(&place, written.is_some());
        let child = start(program, &arguments, takes_terminal).map_err(|error| {
            format!("{program} cannot be started: {error}; $VISUAL or $EDITOR names your editor")
        })?;
        if takes_terminal {
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
            self.in_terminal = pid.and_then(Pid::from_raw);
        }
        let (told, name) = (self.told.clone(), editor.name.clone());
        tokio::spawn(wait(child, written, name, takes_terminal, told));
        Ok(())
    }

    /// The next one that ends. Dropping the future loses nothing.
    pub(in crate::tui) async fn next_end(&mut self) -> Ended {
        // A sender is kept here, so there is always a next one.
        let Some(ended) = self.ended.recv().await else {
            return std::future::pending().await;
        };
        if ended.had_terminal {
            self.in_terminal = None;
        }
        ended
    }
}

impl Drop for Editors {
    /// Whoever still has the terminal is told that it is gone, so that it keeps what was not saved in its own way.
    fn drop(&mut self) {
        if let Some(pid) = self.in_terminal {
            kill_process(pid, Signal::HUP).unwrap_or_default();
        }
    }
}

fn start(
    program: &str,
    arguments: &[std::ffi::OsString],
    takes_terminal: bool,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments);
    if takes_terminal {
        if !io::stdin().is_terminal() {
            command.stdin(File::open("/dev/tty")?);
        }
    } else {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
    }
    command.spawn()
}

async fn wait(
    mut child: Child,
    written: Option<Written>,
    name: String,
    had_terminal: bool,
    told: mpsc::UnboundedSender<Ended>,
) {
    let said = match child.wait().await {
        Ok(status) if status.success() => None,
        Ok(status) => Some(format!("{name} ended with {}", words(status))),
        Err(error) => Some(format!("how {name} ended is not known: {error}")),
    };
    drop(written);
    // A workbench that is gone needs no telling.
    drop(told.send(Ended { said, had_terminal }));
}

fn words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".into(),
    }
}

/// What is opened; a text is written down first.
fn place_of(task: &Task) -> Result<(FilePlace, Option<Written>), String> {
    match task {
        Task::File(place) => Ok((place.clone(), None)),
        Task::Text { text, line } => {
            let folder = std::env::temp_dir();
            let written = Written::new(&folder, text).map_err(|error| {
                format!(
                    "the lines cannot be written below {}: {error}",
                    folder.display()
                )
            })?;
            let place = FilePlace {
                path: written.0.clone(),
                line: *line,
                column: None,
            };
            Ok((place, Some(written)))
        }
    }
}

/// A file of this user alone that is gone when this is.
#[derive(Debug)]
struct Written(PathBuf);

impl Written {
    fn new(folder: &Path, text: &str) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("boatyard-lines-{}-{number}.log", std::process::id());
            let path = folder.join(name);
            // Never one that somebody else has made, nor what a link of theirs leads to.
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match file {
                Ok(mut file) => {
                    let written = Self(path);
                    file.write_all(text.as_bytes())?;
                    return Ok(written);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // A file that somebody else removed is gone, too.
        drop(std::fs::remove_file(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_written_down_is_private_and_goes_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Written::new(folder.path(), "one\n").expect("written");
        let second = Written::new(folder.path(), "two\n").expect("written");
        assert_ne!(first.0, second.0);
        let read = std::fs::read_to_string(&first.0).expect("readable");
        assert_eq!(read, "one\n");
        let mode = std::fs::metadata(&first.0).expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        drop((first, second));
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0);
    }
}
