//! Small projects: what they mean, and what is said of those that mean nothing.

mod any_text;
mod meaning;
mod messages;
mod surroundings;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::super::problem::Problem;
use super::{Given, Project, output, project};

/// Files in a folder of their own.
struct Folder {
    folder: TempDir,
    given: Given,
}

impl Folder {
    /// A folder named `shop` with these files, each with its text.
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut here = Self {
            given: Given {
                environment: BTreeMap::from([("HOME".into(), "/home/someone".into())]),
                ..Given::default()
            },
            folder,
        };
        here.given.directory = here.path("");
        for (name, text) in files {
            let path = here.path(name);
            fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        let real = self.folder.path().canonicalize().expect("it is there");
        let shop = real.join("shop");
        if name.is_empty() {
            shop
        } else {
            shop.join(name)
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Given)) -> Self {
        change(&mut self.given);
        self
    }

    fn variable(self, name: &str, value: &str) -> Self {
        self.with(|given| {
            given.environment.insert(name.into(), value.into());
        })
    }

    fn read(&self) -> Project {
        project(&self.given)
    }

    /// The value at this JSON pointer, as JSON, with the folder's path as `@`. What is wrong instead, if something is.
    fn value(&self, pointer: &str) -> String {
        let project = self.read();
        if project.has_errors() {
            return self.said();
        }
        let json = output::to_json(&project.model);
        let found = json.pointer(pointer).unwrap_or(&serde_json::Value::Null);
        found
            .to_string()
            .replace(&self.path("").display().to_string(), "@")
    }

    /// Every problem in one line.
    fn said(&self) -> String {
        let problems = self.read().problems;
        let lines: Vec<String> = problems.iter().map(Problem::line).collect();
        lines
            .join("\n")
            .replace(&self.path("").display().to_string(), "@")
    }
}

/// A project of one file.
fn one(text: &str) -> Folder {
    Folder::new(&[("compose.yaml", text)])
}
