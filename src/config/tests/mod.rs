//! Stack files and what they mean, read against the folder `tests/data/config`.

mod any_bytes;
mod beside;
mod corpus;
mod faults;
mod meaning;
mod messages;
mod problems;
mod round_trip;
mod waiting;
mod wrong_files;

use std::path::{Path, PathBuf};

use super::discover::Options;
use super::load::{Loaded, read};
use super::source::Source;

/// A folder with these files.
pub(super) fn folder_of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

/// The folder with Dockerfiles and environment files that the texts of these tests name.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config")
}

/// Variables that the texts of these tests may use.
fn options() -> Options {
    let environment = [
        ("HOME", "/home/someone"),
        ("TAG", "16"),
        ("COUNT", "3"),
        ("EMPTY", ""),
        ("WHO", "me"),
    ];
    Options {
        environment: environment
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        ..Options::default()
    }
}

/// Reads a text as if it were the stack file of [`folder`].
fn read_text(text: &str) -> Loaded {
    read_with(text, &options())
}

fn read_with(text: &str, options: &Options) -> Loaded {
    let source = Source::new(PathBuf::from("boatyard.toml"), text.to_owned());
    read(&source, &folder().join("boatyard.toml"), options)
}

/// Every problem in one line.
fn said(loaded: &Loaded) -> String {
    let folder = folder().display().to_string();
    let lines: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| problem.line().replace(&folder, "@"))
        .collect();
    lines.join("\n")
}

/// A service with an image, and one line more.
fn with_line(line: &str) -> String {
    format!("[services.a]\nimage = \"x\"\n{line}\n")
}
