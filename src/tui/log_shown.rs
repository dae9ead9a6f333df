//! Which lines the log pane shows: the filter, as it was typed and as it is asked, and how much is shown around what passes.

use super::log_context::Context;
use crate::telemetry::Filter;

/// What is always filtered: builds have a pane of their own.
const NO_BUILDS: &str = "stream!=build";

/// How many entries may be shown around each that passes.
const STEPS: [usize; 8] = [0, 1, 2, 3, 5, 10, 20, 50];

/// Which lines are shown.
#[derive(Debug, Clone)]
pub(super) struct ShownLines {
    /// The filter as typed; empty: none.
    typed: String,
    /// The filter as it is asked: marks are seen whatever is filtered.
    filter: Option<Filter>,
    /// The same without marks; `None`: nothing was typed.
    asked: Option<Filter>,
    /// What passes if nothing was typed.
    all: Option<Filter>,
    /// How much context is wished: a place in [`STEPS`].
    step: usize,
}

impl Default for ShownLines {
    fn default() -> Self {
        let all = Filter::parse(NO_BUILDS).ok();
        Self {
            typed: String::new(),
            filter: all.clone(),
            asked: None,
            all,
            step: 0,
        }
    }
}

impl PartialEq for ShownLines {
    fn eq(&self, other: &Self) -> bool {
        (&self.typed, self.step) == (&other.typed, other.step)
    }
}

impl ShownLines {
    /// Sets the filter; nothing typed takes it away.
    ///
    /// # Errors
    /// What is wrong with it, in one line. The old filter stays.
    pub(super) fn set(&mut self, text: &str) -> Result<(), String> {
        // Alone, so that a message tells the place in what was typed.
        let asked = Filter::parse(text).map_err(|wrong| wrong.to_string())?;
        let (filter, asked) = if asked.is_empty() {
            (self.all.clone(), None)
        } else {
            let both = format!("{NO_BUILDS} and (({text}) or stream=mark)");
            let both = Filter::parse(&both).map_err(|wrong| wrong.to_string())?;
            (Some(both), Some(asked))
        };
        (self.filter, self.asked) = (filter, asked);
        text.trim().clone_into(&mut self.typed);
        Ok(())
    }

    /// The filter as typed; empty: none.
    pub(super) fn typed(&self) -> &str {
        &self.typed
    }

    /// The filter as it is asked.
    pub(super) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// A filter that lets only those lines pass that pass this one too.
    pub(super) fn narrowed(&self, to: &str) -> Option<Filter> {
        let shown = self.filter.as_ref().map_or("", Filter::text);
        Filter::parse(&format!("({shown}) and ({to})")).ok()
    }

    /// How many entries are wished around each that passes.
    pub(super) fn around(&self) -> usize {
        STEPS[self.step]
    }

    /// More context, or less. `None` if nothing is filtered, so that there is none.
    pub(super) fn turn_context(&mut self, more: bool) -> Option<usize> {
        self.asked.as_ref()?;
        self.step = if more {
            (self.step + 1).min(STEPS.len() - 1)
        } else {
            self.step.saturating_sub(1)
        };
        Some(self.around())
    }

    /// What is shown beside what passes.
    pub(super) fn context(&self) -> Option<Context<'_>> {
        let entries = self.around();
        (entries > 0).then_some(Context {
            entries,
            asked: self.asked.as_ref()?,
            all: self.all.as_ref()?,
        })
    }
}
