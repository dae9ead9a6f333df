//! What a workbench remembers of a stack until the next time: how its panes are laid out, and how lines are read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::keeper::Keeper;
use super::layout::divide::Dividers;
use super::log_view::{Fold, Form, Scope, Times};
use super::options::Options;
use super::ui::{Mouse, Ui, Zoom};
use crate::stack::ServiceName;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct Kept {
    /// The layout.
    #[serde(deserialize_with = "or_usual")]
    layout: Zoom,
    #[serde(deserialize_with = "or_usual")]
    dividers: Dividers,
    /// The theme, if it was chosen by hand.
    #[serde(deserialize_with = "or_usual")]
    pub(super) theme: Option<String>,
    #[serde(deserialize_with = "or_usual")]
    mouse: Mouse,
    /// The service that was chosen.
    #[serde(deserialize_with = "or_usual")]
    chosen: Option<ServiceName>,
    /// The services whose logs are read together.
    #[serde(deserialize_with = "or_usual")]
    marked: Vec<ServiceName>,
    #[serde(deserialize_with = "or_usual")]
    scope: Scope,
    #[serde(deserialize_with = "or_usual")]
    long_lines: Fold,
    #[serde(deserialize_with = "or_usual")]
    form: Form,
    #[serde(deserialize_with = "or_usual")]
    times: Times,
}

/// What is not as it should be is as it is usually; the rest counts.
fn or_usual<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + for<'any> Deserialize<'any>,
{
    let value = Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Larger files are none of ours, in bytes.
const LARGEST: u64 = 1 << 20;

impl Kept {
    /// What is remembered where the options say.
    pub(super) fn of_options(options: &Options) -> Self {
        let file = options.view();
        file.as_deref().map(Self::read).unwrap_or_default()
    }

    /// What is remembered in this file. One that is not there, or damaged, remembers nothing.
    pub(super) fn read(file: &Path) -> Self {
        let is_small = fs::metadata(file).is_ok_and(|about| about.len() <= LARGEST);
        let text = is_small.then(|| fs::read(file).ok()).flatten();
        let kept = text.and_then(|text| serde_json::from_slice(&text).ok());
        kept.unwrap_or_default()
    }

    /// What there is to be remembered now; `theme`: the one that was chosen by hand.
    pub(super) fn of(ui: &Ui, theme: Option<String>) -> Self {
        let logs = &ui.logs;
        Self {
            layout: match ui.zoom {
                Zoom::Alone => ui.unzoomed,
                zoom => zoom,
            },
            dividers: ui.dividers,
            theme,
            mouse: ui.mouse,
            chosen: ui.chosen.clone(),
            marked: logs.marked.clone(),
            scope: logs.scope,
            long_lines: logs.fold,
            form: logs.form,
            times: logs.times,
        }
    }

    /// Whether the mouse works in the panes.
    pub(super) fn mouse(&self) -> bool {
        self.mouse == Mouse::Ours
    }

    /// Lays the screen out as it was. Services that are no longer there are forgotten when the stack is known.
    pub(super) fn restore(&self, ui: &mut Ui) {
        ui.zoom = self.layout;
        ui.unzoomed = self.layout;
        if self.layout == Zoom::Alone {
            (ui.zoom, ui.unzoomed) = (Zoom::Overview, Zoom::Overview);
        }
        ui.dividers = self.dividers;
        ui.chosen.clone_from(&self.chosen);
        let logs = &mut ui.logs;
        logs.marked.clone_from(&self.marked);
        logs.scope = self.scope;
        logs.fold = self.long_lines;
        logs.form = self.form;
        logs.times = self.times;
    }
}

/// The file in which it is remembered, and what stands there.
#[derive(Debug)]
pub(super) struct Memory {
    keeper: Keeper,
    written: Kept,
}

impl Memory {
    /// Remembers in this file, which says this.
    pub(super) fn new(file: PathBuf, written: Kept) -> Self {
        let keeper = Keeper::new(file);
        Self { keeper, written }
    }

    /// Has written down what changed, if something did.
    pub(super) fn keep(&mut self, kept: Kept) {
        if kept == self.written {
            return;
        }
        self.written = kept;
        let failed = match serde_json::to_vec_pretty(&self.written) {
            Ok(bytes) => self.keeper.write(bytes),
            Err(error) => Some(error.into()),
        };
        if let Some(error) = failed {
            tracing::warn!(%error, "how the screen is cannot be remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ui() -> Ui {
        let mut ui = Ui::new(Mouse::Terminals);
        ui.zoom = Zoom::Focus;
        ui.chosen = Some("orders".into());
        ui.logs.mark_service(&"orders".into());
        ui.logs.fold = Fold::Wrap;
        ui.logs.times = Times::Since;
        ui
    }

    #[test]
    fn what_is_kept_is_as_it_was_the_next_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("some/view.json");
        let kept = Kept::of(&ui(), Some("dusk".into()));
        let mut memory = Memory::new(file.clone(), Kept::default());
        memory.keep(kept.clone());
        drop(memory);
        let read = Kept::read(&file);
        assert_eq!(read, kept);
        assert!(!read.mouse());
        let mut next = Ui::new(Mouse::Terminals);
        read.restore(&mut next);
        assert_eq!(Kept::of(&next, Some("dusk".into())), kept);
        let left = fs::read_dir(file.parent().expect("a folder")).expect("there");
        assert_eq!(left.count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_damaged_is_as_usual_and_the_rest_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("view.json");
        assert_eq!(Kept::read(&file), Kept::default());
        for damaged in ["", "{", "[]", "\u{0}", "{\"layout\": }"] {
            fs::write(&file, damaged).expect("written");
            assert_eq!(Kept::read(&file), Kept::default(), "{damaged}");
        }
        let text = r#"{"layout": "sideways", "dividers": 3, "long_lines": "wrap", "times": 4, "theme": ["x"], "more": 1}"#;
        fs::write(&file, text).expect("written");
        let kept = Kept::read(&file);
        assert_eq!((kept.long_lines, kept.times), (Fold::Wrap, Times::Clock));
        assert_eq!((kept.layout, kept.theme), (Zoom::Overview, None));
    }

    #[test]
    fn what_did_not_change_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("view.json");
        let kept = Kept::of(&ui(), None);
        let mut memory = Memory::new(file.clone(), kept.clone());
        memory.keep(kept);
        drop(memory);
        assert!(!file.exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_file_can_be_restored(text in "\\PC{0,80}|\\{\"(layout|dividers|times)\": (\"(focus|alone|since)\"|\\{\"columns\": [0-9]{1,6}\\})\\}") {
            let kept: Kept = serde_json::from_str(&text).unwrap_or_default();
            let mut ui = Ui::new(Mouse::Ours);
            kept.restore(&mut ui);
            prop_assert!(ui.zoom != Zoom::Alone);
        }
    }
}
