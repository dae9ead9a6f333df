//! All about one service, as plain facts in sections: what it is, how it is reached, what it may use, how it last ended.
//!
//! Here is only what there is to tell; `pane::details` draws it. Values that are not set are left out, and secrets are masked
//! as the resolved stack masks them.

mod life;
mod now;
mod reach;
mod what;

use crate::engine::{Moment, ServiceState, State};
use crate::runtime::Clock;
use crate::stack::ServiceName;
use crate::telemetry::Telemetry;
use crate::text;

use super::theme::Role;

/// What facts are taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) state: &'a State,
    pub(super) telemetry: &'a Telemetry,
    pub(super) clock: &'a Clock,
    pub(super) now: Moment,
}

/// Facts that belong together, under a heading. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) facts: Vec<Fact>,
}

/// One thing to tell. Nothing in it was made harmless yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    /// What it is about; empty: the same as the fact above.
    pub(super) label: String,
    /// What there is to tell.
    pub(super) value: String,
    /// How it is drawn.
    pub(super) role: Role,
    /// A picture of how the value was before, and words behind it; empty: none.
    pub(super) picture: String,
    /// What is copied instead of all of the value.
    pub(super) copied: Option<String>,
    /// The service that it leads to.
    pub(super) leads_to: Option<ServiceName>,
}

impl Fact {
    fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            value: value.into(),
            role: Role::Text,
            picture: String::new(),
            copied: None,
            leads_to: None,
        }
    }

    fn role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    fn picture(self, picture: String) -> Self {
        Self { picture, ..self }
    }

    fn copies(self, copied: impl Into<String>) -> Self {
        let copied = Some(copied.into());
        Self { copied, ..self }
    }

    fn leads_to(self, service: &ServiceName) -> Self {
        let leads_to = Some(service.clone());
        Self { leads_to, ..self }
    }

    /// The text for the clipboard.
    pub(super) fn copy(&self) -> &str {
        self.copied.as_deref().unwrap_or(&self.value)
    }

    /// Whether this stands in it, in any case of letters.
    pub(super) fn has(&self, searched: &str) -> bool {
        let searched = searched.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&searched);
        has(&self.label) || has(&self.value)
    }
}

/// All there is to tell of a service, the most wanted first.
pub(super) fn sections(source: Source<'_>, service: &ServiceState) -> Vec<Section> {
    let sections = [
        ("Now", now::now(source, service)),
        ("Last end", now::last_end(source, service)),
        ("Uses", now::uses(source, service)),
        ("What it is", what::what(source, service)),
        ("Reached at", reach::doors(source, service)),
        ("Health", life::health(source, service)),
        ("Needs", life::needs(source, service)),
        ("Needed by", life::needed_by(source, service)),
        ("Environment", what::environment(source, service)),
        ("Files", reach::files(source, service)),
        ("Networks", reach::networks(source, service)),
        ("Limits", life::limits(service)),
        ("Life", life::policies(service)),
        ("Edits", what::edits(source, service)),
        ("Rights", life::rights(service)),
        ("Labels", what::labels(source, service)),
    ];
    sections
        .into_iter()
        .filter(|(_, facts)| !facts.is_empty())
        .map(|(title, facts)| Section { title, facts })
        .collect()
}

/// Takes facts together, and leaves out those that are not there.
fn told<const N: usize>(facts: [Option<Fact>; N]) -> Vec<Fact> {
    facts.into_iter().flatten().collect()
}

/// A fact of what is set, if it is set.
fn set(label: &str, value: Option<impl Into<String>>) -> Option<Fact> {
    value.map(|value| Fact::new(label, value))
}

/// A fact of several words, if there are any.
fn list<T: AsRef<str>>(label: &str, words: &[T]) -> Option<Fact> {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    (!words.is_empty()).then(|| Fact::new(label, words.join(", ")))
}

/// A fact that needs no value but yes.
fn yes(label: &str, is_so: bool, words: &str) -> Option<Fact> {
    is_so.then(|| Fact::new(label, words))
}

/// A length of time that somebody wrote into a file: whole seconds stand without tenths, whole minutes without seconds.
fn length(time: std::time::Duration) -> String {
    match time.as_secs() {
        seconds @ 1..60 if time.subsec_nanos() == 0 => format!("{seconds} s"),
        seconds @ 60..3600 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => text::duration(time),
    }
}

/// A size that somebody wrote into a file: `-1` has no limit.
fn size(bytes: i64) -> String {
    u64::try_from(bytes).map_or_else(|_| "no limit".to_owned(), text::bytes)
}

/// The time of day of a moment.
fn at(source: Source<'_>, moment: Moment) -> String {
    let zoned = source.clock.zoned(moment);
    zoned.strftime("%H:%M:%S").to_string()
}
