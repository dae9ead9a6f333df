//! Compose files of public projects, and those of the specification's text, read as an independent implementation
//! reads them: what it accepts says the same here, and what it refuses is refused for the same reason.
#![expect(
    clippy::print_stdout,
    reason = "a test over many files says how many there were"
)]

mod canon;
mod reasons;
#[path = "../support/corpus.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use boatyard::config::{ComposeModel, Severity, read_compose};
use serde_json::Value;

use support::corpus;

/// Cases in which the reference is not what is right, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("0181", "the reference reads it, and fails to print it"),
    (
        "0187",
        "\"initial_sync\" is part of the specification; the reference is older",
    ),
    (
        "0188",
        "\"include\" of a watch rule is part of the specification; the reference is older",
    ),
    (
        "docker+compose/pkg/e2e/fixtures/build-test/ssh/compose.yaml",
        "the reference reads it, and fails to print it",
    ),
    (
        "docker+compose/pkg/e2e/testdata/TestLocalComposeConfigNoConsistency/compose.yaml",
        "it is refused by the newer reference too, whose reason is not told; the older one stops at \"models\"",
    ),
    (
        "docker+compose/pkg/e2e/testdata/TestRawEnvFile/compose.yaml",
        "\"format: raw\" is part of the specification; the references do not read it",
    ),
];

/// What the reference says of a case.
enum Wanted {
    /// It is accepted, and says this.
    Accepted(Reading),
    /// It is refused, with these words.
    Refused(String),
}

/// A model in a file.
struct Reading {
    file: PathBuf,
    /// Whether every `$` is written `$$` in it.
    is_escaped: bool,
}

/// What did not go as it should.
struct Misses(Vec<String>);

impl Misses {
    fn report(&self, what: &str, cases: usize) {
        println!("{what}: {} of {cases} agree", cases - self.0.len());
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n\n"));
    }
}

fn environment() -> BTreeMap<String, String> {
    BTreeMap::from([("HOME".to_owned(), "/root".to_owned())])
}

/// Reads these files, and says where they differ from what is wanted.
fn check(name: &str, files: &[PathBuf], repository: &Path, wanted: &Wanted, misses: &mut Misses) {
    if EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
        return;
    }
    let directory = files[0].parent().expect("a file is in a folder");
    let found = read_compose(directory, files, &environment());
    let said = errors(&found);
    match wanted {
        Wanted::Refused(reason) if said.is_empty() => {
            misses.0.push(format!("{name}: accepted, but: {reason}"));
        }
        Wanted::Refused(reason) => {
            if !reasons::agree(reason, &said) {
                misses.0.push(format!(
                    "{name}: refused for another reason\n  wanted: {reason}\n  found: {}",
                    said.join("\n         ")
                ));
            }
        }
        Wanted::Accepted(_) if !said.is_empty() => {
            misses
                .0
                .push(format!("{name}: refused\n  {}", said.join("\n  ")));
        }
        Wanted::Accepted(reading) => {
            let wanted = expected(reading, directory, repository);
            let differences = canon::differences(wanted, found.json);
            if !differences.is_empty() {
                misses
                    .0
                    .push(format!("{name}:\n  {}", differences.join("\n  ")));
            }
        }
    }
}

fn errors(found: &ComposeModel) -> Vec<String> {
    let errors = found.problems.iter();
    let errors = errors.filter(|problem| problem.severity == Severity::Error);
    errors.map(boatyard::config::Problem::line).collect()
}

/// The model of this file, with the places of this machine in it.
fn expected(reading: &Reading, directory: &Path, repository: &Path) -> Value {
    let text = fs::read_to_string(&reading.file).expect("the reading can be read");
    let text = text
        .replace("@DIR@", &directory.display().to_string())
        .replace("@REPO@", &repository.display().to_string());
    let value: Value = serde_json::from_str(&text).expect("the reading is JSON");
    if reading.is_escaped {
        canon::unescape(value)
    } else {
        value
    }
}

/// The rows of a table, each a mapping of the header's names.
fn table(file: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(file).expect("the table can be read");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let row = |line: &str| {
        let cells = line.split('\t').map(str::to_owned);
        header
            .iter()
            .map(|name| (*name).to_owned())
            .zip(cells)
            .collect()
    };
    lines.map(row).collect()
}

/// A folder of the corpus, by its real path.
fn folder(name: &str) -> Option<PathBuf> {
    let folder = corpus(name)?;
    Some(folder.canonicalize().expect("a folder has a path"))
}

/// `FILE.yaml.expected.json` beside `FILE.yaml`.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let name = file
        .file_name()
        .expect("a file has a name")
        .to_string_lossy();
    file.with_file_name(format!("{name}{ending}"))
}

#[test]
fn files_of_public_projects_are_read_as_the_reference_reads_them() {
    let Some(base) = folder("compose") else {
        return;
    };
    let mut misses = Misses(Vec::new());
    let rows = table(&base.join("INDEX.tsv"));
    for row in &rows {
        let file = base.join(&row["file"]);
        let repository = base.join(row["file"].split('/').next().unwrap_or_default());
        let wanted = match row["verdict"].as_str() {
            "rejected" => Wanted::Refused(row["message"].clone()),
            verdict => Wanted::Accepted(Reading {
                file: beside(&file, ".expected.json"),
                is_escaped: verdict == "accepted",
            }),
        };
        check(&row["file"], &[file], &repository, &wanted, &mut misses);
    }
    misses.report("files of public projects", rows.len());
}

#[test]
fn overrides_are_merged_as_the_reference_merges_them() {
    let (Some(combos), Some(files)) = (folder("compose-combos"), folder("compose")) else {
        return;
    };
    let mut misses = Misses(Vec::new());
    let mut cases = 0;
    for row in table(&combos.join("COMBOS.tsv")) {
        let repository = files.join(row["repo"].replace('/', "+"));
        let named: Vec<PathBuf> = row["files_in_order"]
            .split(' ')
            .map(|file| repository.join(file))
            .collect();
        let reading = combos.join(format!("{}.expected.json", row["id"]));
        let is_ok = row["debian_2.26.1"] == "ok";
        if !named.iter().all(|file| file.exists()) || (is_ok && !reading.exists()) {
            continue;
        }
        cases += 1;
        let wanted = if is_ok {
            Wanted::Accepted(Reading {
                file: reading,
                is_escaped: true,
            })
        } else {
            Wanted::Refused(row["message"].clone())
        };
        check(&row["id"], &named, &repository, &wanted, &mut misses);
    }
    misses.report("files with overrides", cases);
}

#[test]
fn examples_of_the_specification_are_read_as_the_reference_reads_them() {
    let Some(base) = folder("compose-spec-snippets") else {
        return;
    };
    let mut misses = Misses(Vec::new());
    let rows = table(&base.join("SNIPPETS.tsv"));
    let rows: Vec<_> = rows.iter().filter(|row| row["kind"] == "full").collect();
    for row in &rows {
        let file = base.join(&row["file"]);
        let newer = beside(&file, ".expected.cg214.json");
        let older = beside(&file, ".expected.json");
        let wanted = if newer.exists() {
            Wanted::Accepted(Reading {
                file: newer,
                is_escaped: false,
            })
        } else if older.exists() {
            Wanted::Accepted(Reading {
                file: older,
                is_escaped: true,
            })
        } else {
            Wanted::Refused(String::new())
        };
        check(&row["file"], &[file], &base, &wanted, &mut misses);
    }
    misses.report("examples of the specification", rows.len());
}
