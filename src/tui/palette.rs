//! Every action, service and theme by name, found by a few of its letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::keys::{Action, Keymap, Where};
use super::theme::BUILT_IN;
use super::typed::{Named, Typed};
use crate::engine::State;
use crate::stack::ServiceName;

/// What a row of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Action(Action),
    Service(ServiceName),
    Theme(String),
    ThemeOfTerminal,
    Named(Named),
}

/// A row of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) words: String,
    /// The key that does the same; empty if there is none.
    pub(super) key: String,
    /// Which of the letters were typed, by their place among the letters.
    pub(super) hits: Vec<u32>,
}

/// What these letters find, the best first.
pub(super) fn found(letters: &str, state: &State, keys: &Keymap, typed: &Typed) -> Vec<Found> {
    best(letters, entries(state, keys, typed))
}

/// Which filters and searches these letters find, the best first.
pub(super) fn named(letters: &str, typed: &Typed) -> Vec<Found> {
    best(letters, typed.all().into_iter().map(of).collect())
}

/// A filter or a search as a row.
fn of(named: Named) -> Found {
    let (kind, text) = (named.kind.words(), &named.text);
    let words = match named.name.as_str() {
        "" => format!("{kind}: {text}"),
        name => format!("{kind}, {name}: {text}"),
    };
    Found {
        words,
        entry: Entry::Named(named),
        key: String::new(),
        hits: Vec::new(),
    }
}

fn best(typed: &str, entries: Vec<Found>) -> Vec<Found> {
    let pattern = Pattern::parse(typed, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, Found)> = entries
        .into_iter()
        .filter_map(|mut found| {
            let words = Utf32Str::new(&found.words, &mut buffer);
            let score = pattern.indices(words, &mut matcher, &mut found.hits)?;
            found.hits.sort_unstable();
            found.hits.dedup();
            Some((score, found))
        })
        .collect();
    let typed = typed.to_lowercase();
    scored.sort_by_key(|(score, found)| {
        (std::cmp::Reverse(*score), !found.words.starts_with(&typed))
    });
    scored.into_iter().map(|(_, found)| found).collect()
}

fn entries(state: &State, keys: &Keymap, typed: &Typed) -> Vec<Found> {
    let entry = |entry, words: String, key: &str| Found {
        entry,
        words,
        key: key.to_owned(),
        hits: Vec::new(),
    };
    let mut entries: Vec<Found> = Vec::new();
    let here = keys
        .rows()
        .filter(|binding| is_offered(binding.at, binding.action));
    for binding in here {
        let known = Entry::Action(binding.action);
        if entries.iter().all(|other| other.entry != known) {
            entries.push(entry(known, binding.words.to_owned(), &binding.keys[0]));
        }
    }
    for name in state.services.keys() {
        entries.push(entry(
            Entry::Service(name.clone()),
            format!("go to {name}"),
            "",
        ));
    }
    entries.extend(typed.names().into_iter().map(of));
    for (name, _) in BUILT_IN {
        entries.push(entry(
            Entry::Theme((*name).to_owned()),
            format!("theme {name}"),
            "",
        ));
    }
    let words = "theme as the terminal has it".to_owned();
    entries.push(entry(Entry::ThemeOfTerminal, words, ""));
    entries
}

/// Moving about is done by keys alone, and what works in one place only is of no use from everywhere.
fn is_offered(at: Where, action: Action) -> bool {
    let moves = matches!(
        action,
        Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::Left
            | Action::Right
            | Action::Palette
            | Action::Back
            | Action::Open
    );
    matches!(at, Where::Panes | Where::Logs | Where::Always) && !moves
}
