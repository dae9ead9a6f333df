//! Files that need no rule, because the Dockerfile tells where they land.

use std::path::Path;

use super::plan::Saved;
use crate::adapters::build::{Inference, Inferred, OnDisk};
use crate::engine::{Action, SyncCopy};
use crate::stack::Service;

/// So many files at most are put into live runs ahead of their image; a larger change is a build's business.
const MOST: usize = 200;

/// Where the files of a service's context land.
#[derive(Debug)]
pub(super) struct Inferring(Inference);

impl Inferring {
    /// From the service's Dockerfile, if it asks for that.
    pub(super) fn of(service: &Service) -> Option<Self> {
        service
            .infers_sync()
            .then(|| Self(Inference::read(service)))
    }

    /// Where a file lands, or why that is not certain.
    pub(super) fn in_words(&self, inside: &str, context: &Path) -> String {
        self.0.of(inside, &OnDisk(context)).in_words()
    }

    /// What a saved file asks for; `inside` is its path below the context.
    pub(super) fn action(&self, saved: &Saved, inside: &str, context: &Path) -> Action {
        let landings = match self.0.of(inside, &OnDisk(context)) {
            Inferred::Lands(landings) => landings,
            Inferred::Rebuild(doubt) => {
                tracing::debug!(path = inside, why = doubt.in_words(), "cannot be inferred");
                return Action::Rebuild;
            }
        };
        let copy = |landing: crate::adapters::build::Landing| SyncCopy {
            from: (!saved.gone).then(|| saved.path.clone()),
            to: landing.to,
            stamp: landing.stamp,
        };
        Action::Infer {
            copies: landings.into_iter().map(copy).collect(),
        }
    }
}

/// What the files of one change ask of a service together: one that only a build can bring leaves nothing to infer.
pub(super) fn settled(mut actions: Vec<Action>) -> Vec<Action> {
    let is_large =
        |action: &Action| matches!(action, Action::Infer { copies } if copies.len() > MOST);
    if actions.iter().any(is_large) && !actions.contains(&Action::Rebuild) {
        actions.push(Action::Rebuild);
    }
    if actions.contains(&Action::Rebuild) {
        actions.retain(|action| !matches!(action, Action::Infer { .. }));
    }
    actions
}
