//! The session tape: every fact that the engine was told, so that a session can be replayed as a test.
//!
//! One JSON object a line: first the [`TapeHead`], then `{"at": …, "event": …}` for each fact. A tape holds the resolved
//! stack, environment values included, so it is written only when asked for, readable by its owner alone.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Event, Moment, Options};
use crate::stack::Stack;

/// What a session began with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TapeHead {
    /// The stack.
    pub stack: Arc<Stack>,
    /// What the session was asked to be.
    pub options: Options,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    at: Moment,
    #[serde(flatten)]
    event: Event,
}

/// Why a tape could not be replayed.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// It could not be read.
    #[error("cannot read the tape: {0}")]
    Read(#[from] io::Error),
    /// A line is not what a tape holds.
    #[error("line {line} of the tape is not an entry: {why}")]
    Entry {
        /// Number of the line, from 1.
        line: usize,
        /// What the parser said.
        why: serde_json::Error,
    },
    /// It has no first line.
    #[error("the tape is empty")]
    Empty,
}

/// A tape that is being written.
#[derive(Debug)]
pub struct Tape {
    file: BufWriter<File>,
}

impl Tape {
    /// Begins a tape at this path, replacing what is there.
    pub fn create(path: &Path, head: &TapeHead) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let mut tape = Self {
            file: BufWriter::new(file),
        };
        tape.line(head)?;
        Ok(tape)
    }

    /// Writes a fact down, complete on disk before the engine acts on it.
    pub fn record(&mut self, at: Moment, event: &Event) -> io::Result<()> {
        self.line(&Entry {
            at,
            event: event.clone(),
        })
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, value)?;
        self.file.write_all(b"\n")?;
        self.file.flush()
    }
}

/// Tells a new engine all that a tape holds; the engine ends in the state in which the session was.
pub fn replay(path: &Path) -> Result<Engine, TapeError> {
    let mut lines = BufReader::new(File::open(path)?).lines().enumerate();
    let (_, first) = lines.next().ok_or(TapeError::Empty)?;
    let head: TapeHead =
        serde_json::from_str(&first?).map_err(|why| TapeError::Entry { line: 1, why })?;
    let (mut engine, _, _) = Engine::new(head.stack, head.options);
    for (index, line) in lines {
        let entry: Entry = serde_json::from_str(&line?).map_err(|why| TapeError::Entry {
            line: index + 1,
            why,
        })?;
        engine.handle(entry.at, entry.event);
    }
    Ok(engine)
}
