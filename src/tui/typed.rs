//! What a person typed before, and the filters and searches that were given a name; kept between the sessions of a stack.
//!
//! What cannot be read is set aside, and said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::keeper::Keeper;
use crate::text;

/// Lines of one kind that are remembered, and names that can be given.
const REMEMBERED: usize = 100;
const MOST_NAMES: usize = 200;
/// The longest line and the longest name that are taken from a file, in bytes.
const LONGEST: usize = 1000;
/// A file that is longer than this was not written by this program.
const LARGEST: u64 = 4 << 20;
const FILE: &str = "typed.json";

/// What a line was typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    LogSearch,
    LogFilter,
    TraceFilter,
    NoticeFilter,
    TraceSearch,
    DetailsSearch,
    Time,
    Faults,
    Command,
}

impl Kind {
    /// Those that can be given a name.
    pub(super) const NAMED: [Self; 4] = [
        Self::LogFilter,
        Self::LogSearch,
        Self::TraceFilter,
        Self::NoticeFilter,
    ];

    /// Its name in the file.
    fn name(self) -> &'static str {
        match self {
            Self::LogSearch => "log-search",
            Self::LogFilter => "log-filter",
            Self::TraceFilter => "trace-filter",
            Self::NoticeFilter => "notice-filter",
            Self::TraceSearch => "trace-search",
            Self::DetailsSearch => "details-search",
            Self::Time => "time",
            Self::Faults => "faults",
            Self::Command => "command",
        }
    }

    /// What it does, before the text.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::LogSearch => "search logs",
            Self::LogFilter => "filter logs",
            Self::TraceFilter => "filter traces",
            Self::NoticeFilter => "filter notices",
            Self::TraceSearch => "search the trace",
            Self::DetailsSearch => "search the details",
            Self::Time => "go to",
            Self::Faults => "faults",
            Self::Command => "run",
        }
    }
}

/// A filter or a search with its name; one that was only typed has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: Kind,
    /// Empty: it was typed, and has no name.
    pub(super) name: String,
    pub(super) text: String,
}

/// The file. Kinds that another version knows stay in it as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// By kind, the newest last.
    typed: BTreeMap<String, Vec<String>>,
    named: Vec<KeptName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptName {
    kind: String,
    name: String,
    text: String,
}

/// What was typed before.
#[derive(Debug, Default)]
pub(super) struct Typed {
    kept: Kept,
    keeper: Option<Keeper>,
}

impl Typed {
    /// What is kept in this folder, and is kept there from now on; and what is wrong with the file that is there.
    pub(super) fn in_folder(folder: &Path) -> (Self, Option<String>) {
        let path = folder.join(FILE);
        let (kept, wrong) = match read(&path) {
            Ok(kept) => (kept, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Kept::default(), None),
            Err(error) => (Kept::default(), Some(set_aside(&path, &error))),
        };
        let typed = Self {
            kept,
            keeper: Some(Keeper::new(path)),
        };
        (typed, wrong)
    }

    /// Remembers a line, as the newest of its kind.
    pub(super) fn remember(&mut self, kind: Kind, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let lines = self.kept.typed.entry(kind.name().to_owned()).or_default();
        if lines.last().is_some_and(|last| last == line) {
            return;
        }
        lines.retain(|other| other != line);
        lines.push(line.to_owned());
        let surplus = lines.len().saturating_sub(REMEMBERED);
        lines.drain(..surplus);
        self.keep();
    }

    /// The line of this kind that was typed so many lines before the newest.
    pub(super) fn before(&self, kind: Kind, lines: usize) -> Option<&str> {
        let all = self.kept.typed.get(kind.name())?;
        let at = all.len().checked_sub(lines + 1)?;
        Some(&all[at])
    }

    /// Gives a filter or a search a name, in place of one of that kind that has it; whether there was one.
    ///
    /// # Errors
    /// When there are too many names.
    pub(super) fn name(&mut self, named: &Named) -> Result<bool, String> {
        let kept = KeptName {
            kind: named.kind.name().to_owned(),
            name: named.name.clone(),
            text: named.text.clone(),
        };
        let all = &mut self.kept.named;
        let is_it = |other: &KeptName| other.kind == kept.kind && other.name == kept.name;
        let there = all.iter().position(is_it);
        match there {
            Some(there) => all[there] = kept,
            None if all.len() >= MOST_NAMES => {
                return Err(format!(
                    "there are {MOST_NAMES} names already; * forgets some"
                ));
            }
            None => all.push(kept),
        }
        self.keep();
        Ok(there.is_some())
    }

    /// Forgets a name, or a line that was typed.
    pub(super) fn forget(&mut self, which: &Named) {
        let kind = which.kind.name();
        if which.name.is_empty() {
            if let Some(lines) = self.kept.typed.get_mut(kind) {
                lines.retain(|line| *line != which.text);
            }
        } else {
            let named = &mut self.kept.named;
            named.retain(|other| other.kind != kind || other.name != which.name);
        }
        self.keep();
    }

    /// All that have a name.
    pub(super) fn names(&self) -> Vec<Named> {
        let kind = |name: &str| Kind::NAMED.into_iter().find(|kind| kind.name() == name);
        let named = self.kept.named.iter().filter_map(|named| {
            Some(Named {
                kind: kind(&named.kind)?,
                name: named.name.clone(),
                text: named.text.clone(),
            })
        });
        named.collect()
    }

    /// All that have a name, then what was typed and can be given one, the newest of each kind first.
    pub(super) fn all(&self) -> Vec<Named> {
        let mut all = self.names();
        for kind in Kind::NAMED {
            let lines = self.kept.typed.get(kind.name()).into_iter().flatten();
            let known = all.len();
            for text in lines.rev() {
                let has_name = |named: &Named| named.kind == kind && named.text == *text;
                if !all[..known].iter().any(has_name) {
                    all.push(Named {
                        kind,
                        name: String::new(),
                        text: text.clone(),
                    });
                }
            }
        }
        all
    }

    fn keep(&self) {
        if let Some(keeper) = &self.keeper
            && let Ok(bytes) = serde_json::to_vec_pretty(&self.kept)
        {
            // A full disk costs the history of this session.
            if let Some(error) = keeper.write(bytes) {
                tracing::warn!(%error, "what was typed cannot be remembered");
            }
        }
    }
}

/// The file's contents, with nothing in them that could harm the terminal or has no bound.
fn read(path: &Path) -> io::Result<Kept> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is too long"));
    }
    let mut kept: Kept = serde_json::from_slice(&bytes)?;
    for lines in kept.typed.values_mut() {
        lines.iter_mut().for_each(make_harmless);
        let surplus = lines.len().saturating_sub(REMEMBERED);
        lines.drain(..surplus);
    }
    kept.named.truncate(MOST_NAMES);
    for named in &mut kept.named {
        make_harmless(&mut named.name);
        make_harmless(&mut named.text);
    }
    kept.named.retain(|named| !named.name.is_empty());
    Ok(kept)
}

fn make_harmless(line: &mut String) {
    let harmless = text::plain(line.replace(['\r', '\n', '\t'], " ").as_bytes());
    let mut end = harmless.len().min(LONGEST);
    while !harmless.is_char_boundary(end) {
        end -= 1;
    }
    harmless[..end].clone_into(line);
}

/// Moves a file that cannot be read out of the way, so that nothing in it is lost; what that is, in words.
fn set_aside(path: &Path, why: &io::Error) -> String {
    let aside = path.with_extension("json.unreadable");
    let words = format!("what was typed in earlier sessions cannot be read: {why}");
    match fs::rename(path, &aside) {
        Ok(()) => format!("{words}; it is in {} now", aside.display()),
        Err(_) => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: Kind, name: &str, text: &str) -> Named {
        Named {
            kind,
            name: name.into(),
            text: text.into(),
        }
    }

    #[test]
    fn lines_are_remembered_in_their_order_once_and_within_bounds() {
        let mut typed = Typed::default();
        for line in ["a", "b", "a", "  ", "a"] {
            typed.remember(Kind::LogFilter, line);
        }
        typed.remember(Kind::Time, "14:03");
        assert_eq!(typed.before(Kind::LogFilter, 0), Some("a"));
        assert_eq!(typed.before(Kind::LogFilter, 1), Some("b"));
        assert_eq!(typed.before(Kind::LogFilter, 2), None);
        for number in 0..500 {
            typed.remember(Kind::Time, &number.to_string());
        }
        assert_eq!(typed.before(Kind::Time, 99), Some("400"));
        assert_eq!(typed.before(Kind::Time, 100), None);
    }

    #[test]
    fn names_are_given_once_for_each_kind_and_forgotten() {
        let mut typed = Typed::default();
        let slow = named(Kind::TraceFilter, "slow", "ms>100");
        assert_eq!(typed.name(&slow), Ok(false));
        assert_eq!(
            typed.name(&named(Kind::LogFilter, "slow", "took")),
            Ok(false)
        );
        assert_eq!(
            typed.name(&named(Kind::TraceFilter, "slow", "ms>200")),
            Ok(true)
        );
        typed.remember(Kind::TraceFilter, "ms>200");
        typed.remember(Kind::TraceFilter, "status=500");
        typed.remember(Kind::Command, "env");
        let texts = |typed: &Typed| -> Vec<String> {
            typed.all().into_iter().map(|one| one.text).collect()
        };
        assert_eq!(texts(&typed), ["ms>200", "took", "status=500"]);
        typed.forget(&slow);
        typed.forget(&named(Kind::TraceFilter, "", "status=500"));
        assert_eq!(
            texts(&typed),
            ["took", "ms>200"],
            "without its name it is what was typed"
        );
        for number in 0..MOST_NAMES - 1 {
            typed
                .name(&named(Kind::LogSearch, &number.to_string(), "x"))
                .unwrap();
        }
        assert!(
            typed
                .name(&named(Kind::LogSearch, "one more", "x"))
                .is_err()
        );
    }

    #[test]
    fn all_of_it_is_there_again_in_the_next_session() {
        let folder = tempfile::tempdir().unwrap();
        let (mut typed, wrong) = Typed::in_folder(folder.path());
        assert_eq!(wrong, None);
        typed.remember(Kind::LogSearch, "first");
        typed.remember(Kind::LogSearch, "second");
        typed
            .name(&named(Kind::LogFilter, "bad", "level>=warn"))
            .unwrap();
        drop(typed);
        let (typed, wrong) = Typed::in_folder(folder.path());
        assert_eq!(wrong, None);
        assert_eq!(typed.before(Kind::LogSearch, 1), Some("first"));
        assert_eq!(
            typed.names(),
            [named(Kind::LogFilter, "bad", "level>=warn")]
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(folder.path().join(FILE))
                .unwrap()
                .permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_set_aside_and_what_harms_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for broken in ["{\"typed\": [", "[1]", "\u{0}"] {
            fs::write(&path, broken).unwrap();
            let (mut typed, wrong) = Typed::in_folder(folder.path());
            assert!(wrong.unwrap().contains("typed.json.unreadable"));
            assert_eq!(typed.all(), []);
            typed.remember(Kind::LogFilter, "again");
            drop(typed);
            let (typed, wrong) = Typed::in_folder(folder.path());
            assert_eq!(
                (typed.before(Kind::LogFilter, 0), wrong),
                (Some("again"), None)
            );
            let aside = folder.path().join("typed.json.unreadable");
            assert_eq!(fs::read_to_string(aside).unwrap(), broken);
        }
        let odd = r#"{"typed": {"log-filter": ["a\u001b]0;t\u0007b\nc"], "from-later": ["x"]}, "named": [
            {"kind": "log-filter", "name": "", "text": "x"}, {"kind": "later", "name": "n", "text": "x"}], "more": 1}"#;
        fs::write(&path, odd).unwrap();
        let (mut typed, wrong) = Typed::in_folder(folder.path());
        assert_eq!(wrong, None);
        assert_eq!(typed.before(Kind::LogFilter, 0), Some("ab c"));
        assert_eq!(typed.names(), []);
        typed.remember(Kind::Time, "now");
        drop(typed);
        let kept = fs::read_to_string(&path).unwrap();
        assert!(kept.contains("from-later") && kept.contains("\"later\""));
    }
}
