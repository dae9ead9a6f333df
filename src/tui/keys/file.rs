//! A person's own keys: `keys.toml` in the folder of their settings.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Action, KEYS, Keymap, Where, typed};

/// A table for each place; in it a key, and the name of what it does. `none`: nothing.
const NONE: &str = "none";

/// Larger files are no files of keys, in bytes.
const LARGEST: u64 = 1 << 20;

/// Where the file of keys is looked for.
pub(in crate::tui) fn own_file() -> Option<PathBuf> {
    Some(crate::tui::own_settings()?.join("keys.toml"))
}

impl Keymap {
    /// The keys as this file has them. What is wrong in it is told in `problems` and left out; a file that is not there
    /// changes nothing.
    pub(in crate::tui) fn from_file(path: &Path) -> Self {
        let mut keymap = Self::default();
        let told = |wrong: &str| format!("{}: {wrong}; the keys are as they were", path.display());
        match std::fs::metadata(path) {
            Ok(about) if about.len() > LARGEST => {
                keymap
                    .problems
                    .push(told("this is too large for a file of keys"));
                return keymap;
            }
            // Whatever else is wrong is found when it is read.
            _ => {}
        }
        match std::fs::read_to_string(path) {
            Ok(text) => keymap.change(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => keymap.problems.push(told(&error.to_string())),
        }
        keymap
    }

    /// Changes keys as this text says; `name` is what the file is called.
    pub(super) fn change(&mut self, text: &str, name: &str) {
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            let words = error.message().lines().collect::<Vec<_>>().join(" ");
            self.problem(text, name, at, &words);
        }
        for (place, keys) in tree.get_ref() {
            self.change_place(place, keys, (text, name));
        }
        for (at, action) in self.keep_ways_out() {
            let words = format!(
                "`{}` has no key in `{}` any more, so it keeps those it had",
                action.name(),
                at.name()
            );
            self.problems.push(format!("{name}: {words}"));
        }
    }

    fn change_place(
        &mut self,
        place: &Spanned<std::borrow::Cow<'_, str>>,
        keys: &Spanned<DeValue<'_>>,
        (text, name): (&str, &str),
    ) {
        let at = place.span().start;
        let written = place.get_ref().as_ref();
        let Some(known) = Where::ALL.into_iter().find(|known| known.name() == written) else {
            let names: Vec<&str> = Where::ALL.into_iter().map(Where::name).collect();
            let words = format!("`{written}` is no place; there are {}", names.join(", "));
            self.problem(text, name, at, &words);
            return;
        };
        let DeValue::Table(keys) = keys.get_ref() else {
            let words =
                format!("`{written}` is a table: [{written}], and below it \"key\" = \"action\"");
            self.problem(text, name, at, &words);
            return;
        };
        for (key, action) in keys {
            let wrong = match action.get_ref() {
                DeValue::String(action) => self.change_key(known, key.get_ref(), action).err(),
                _ => Some(format!(
                    "what `{}` does is a name between quotation marks",
                    key.get_ref()
                )),
            };
            if let Some(wrong) = wrong {
                self.problem(text, name, key.span().start, &wrong);
            }
        }
    }

    fn change_key(&mut self, at: Where, key: &str, action: &str) -> Result<(), String> {
        let keys = typed::read(key)?;
        if action == NONE {
            return self.unbind(at, &keys);
        }
        let known = Action::named(action).ok_or_else(|| {
            let near = Action::nearest(action);
            format!("`{action}` is no action; did you mean `{near}`? docs/keys.md has all names")
        })?;
        self.bind(at, &keys, known)
    }

    fn problem(&mut self, text: &str, name: &str, at: usize, words: &str) {
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        let words = crate::text::plain(words.as_bytes());
        self.problems
            .push(format!("{name}:{line}:{column}: {words}"));
    }
}

/// A file of keys that changes nothing: every key, what it does, and that in words.
pub(in crate::tui) fn template() -> String {
    let mut text = String::from(
        "# Keys of Boatyard's workbench. A line without its `#` changes one: \"KEY\" = \"ACTION\", in the table of the place where\n\
         # it works. An action may have several keys; \"none\" takes a key away.\n",
    );
    for place in Where::ALL {
        text.extend(["\n[", place.name(), "]  # ", place.words(), "\n"]);
        for row in KEYS.iter().filter(|row| row.at == place) {
            for key in row.keys {
                let key = key.replace('\\', "\\\\").replace('"', "\\\"");
                let entry = format!("# \"{key}\" = \"{}\"", row.action.name());
                let entry = crate::text::pad(&entry, 38);
                text.extend([&entry, " # ", row.words, "\n"]);
            }
        }
    }
    text
}
