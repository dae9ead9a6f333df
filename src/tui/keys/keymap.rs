//! Which key does what: the table, as a person's own file changes it.

use super::{Action, Binding, KEYS, Where};

/// A row of the table with the keys that it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Bound {
    /// Names of the keys; the first is the one that is shown, and there is always one.
    pub(in crate::tui) keys: Vec<String>,
    pub(in crate::tui) action: Action,
    pub(in crate::tui) words: &'static str,
    pub(in crate::tui) short: &'static str,
    pub(in crate::tui) at: Where,
}

/// All keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Keymap {
    rows: Vec<Bound>,
    /// What is wrong with the person's own file, a line each, to be shown.
    pub(in crate::tui) problems: Vec<String>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |binding: &Binding| binding.keys.iter().map(|key| (*key).to_owned()).collect();
        let row = |binding: &Binding| bound(binding, binding.at, keys(binding));
        Self {
            rows: KEYS.iter().map(row).collect(),
            problems: Vec::new(),
        }
    }
}

fn bound(binding: &Binding, at: Where, keys: Vec<String>) -> Bound {
    Bound {
        keys,
        action: binding.action,
        words: binding.words,
        short: binding.short,
        at,
    }
}

/// What must have a key where it works, or there is no way out.
const NEEDED: [(Where, Action); 6] = [
    (Where::Inside, Action::Leave),
    (Where::Prompt, Action::Submit),
    (Where::Prompt, Action::Back),
    (Where::Palette, Action::Submit),
    (Where::Palette, Action::Back),
    (Where::Help, Action::Back),
];

impl Keymap {
    /// What a key does in these places, the first of which goes first.
    pub(in crate::tui) fn action(&self, key: &str, places: &[Where]) -> Option<Action> {
        places.iter().find_map(|place| {
            let mut here = self.rows.iter().filter(|row| row.at == *place);
            here.find(|row| row.keys.iter().any(|known| known == key))
                .map(|row| row.action)
        })
    }

    /// The rows that work in these places; those of which an earlier place has taken the first key are left out.
    pub(in crate::tui) fn working(&self, places: &[Where]) -> Vec<&Bound> {
        let mut found: Vec<&Bound> = Vec::new();
        for place in places {
            for row in self.rows().filter(|row| row.at == *place) {
                let taken = found.iter().any(|other| other.keys[0] == row.keys[0]);
                if !taken {
                    found.push(row);
                }
            }
        }
        found
    }

    /// All rows that have a key.
    pub(in crate::tui) fn rows(&self) -> impl Iterator<Item = &Bound> {
        self.rows.iter().filter(|row| !row.keys.is_empty())
    }

    /// Gives a key to an action in this place, before those that it has there; takes it from whatever has it there.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    pub(super) fn bind(
        &mut self,
        at: Where,
        keys: &[String],
        action: Action,
    ) -> Result<(), String> {
        check(at, keys)?;
        let known = |row: &Bound| row.at == at && row.action == action;
        if !self.rows.iter().any(known) {
            let row = borrowed(at, action)
                .ok_or_else(|| format!("`{}` does nothing in `{}`", action.name(), at.name()))?;
            self.rows.push(row);
        }
        self.take(at, keys);
        if let Some(row) = self.rows.iter_mut().find(|row| known(row)) {
            row.keys.splice(0..0, keys.iter().cloned());
        }
        Ok(())
    }

    /// Takes a key away from whatever has it in this place.
    ///
    /// # Errors
    /// Why that cannot be, in words.
    pub(super) fn unbind(&mut self, at: Where, keys: &[String]) -> Result<(), String> {
        check(at, keys)?;
        if self.take(at, keys) {
            Ok(())
        } else {
            Err(format!(
                "`{}` does nothing in `{}` anyway",
                keys[0],
                at.name()
            ))
        }
    }

    fn take(&mut self, at: Where, keys: &[String]) -> bool {
        let mut taken = false;
        for row in self.rows.iter_mut().filter(|row| row.at == at) {
            let before = row.keys.len();
            row.keys.retain(|key| !keys.contains(key));
            taken |= row.keys.len() < before;
        }
        taken
    }

    /// Gives back the keys of what must have one and has none any more; what that is.
    pub(super) fn keep_ways_out(&mut self) -> Vec<(Where, Action)> {
        let mut kept = Vec::new();
        for (at, action) in NEEDED {
            let has_one = self.rows().any(|row| (row.at, row.action) == (at, action));
            let mut table = KEYS.iter();
            let first = table.find(|row| (row.at, row.action) == (at, action));
            if let (false, Some(row)) = (has_one, first) {
                let keys: Vec<String> = row.keys.iter().map(|key| (*key).to_owned()).collect();
                self.take(at, &keys);
                let known = self.rows.iter_mut();
                for known in known.filter(|row| (row.at, row.action) == (at, action)) {
                    known.keys.clone_from(&keys);
                }
                kept.push((at, action));
            }
        }
        kept
    }
}

fn check(at: Where, keys: &[String]) -> Result<(), String> {
    for key in keys {
        if key == "ctrl-c" {
            return Err("`ctrl-c` always stops everything".into());
        }
        let is_letter = key.chars().count() == 1 || key == "space";
        if is_letter && matches!(at, Where::Prompt | Where::Palette | Where::Inside) {
            return Err(format!("`{key}` is typed in `{}`", at.name()));
        }
    }
    Ok(())
}

/// A row of another place that can be of use in this one: what works in all panes works in each, and what the palette offers
/// works everywhere.
fn borrowed(at: Where, action: Action) -> Option<Bound> {
    let is_over = matches!(
        at,
        Where::Prompt | Where::Palette | Where::Help | Where::Inside | Where::Left
    );
    let reaches = |from: Where| match from {
        Where::Panes | Where::Logs => !is_over,
        Where::Always => true,
        _ => false,
    };
    let mut rows = KEYS.iter().rev();
    let row = rows.find(|row| row.action == action && reaches(row.at))?;
    let short = if row.at == at { row.short } else { "" };
    Some(Bound {
        short,
        ..bound(row, at, Vec::new())
    })
}
