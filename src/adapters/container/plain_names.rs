//! Names that only one container can have at a time: a run that starts beside the one which has its replica's name gets that
//! name when the other is gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bollard::query_parameters::RenameContainerOptions;

use super::find::ContainerEngine;
use super::words::reason;
use crate::engine::RunId;

/// Who has which name, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct PlainNames(Mutex<HashMap<String, Name>>);

#[derive(Debug, Default)]
struct Name {
    owner: Option<RunId>,
    /// The others, each with its container once that was made.
    waiting: Vec<(RunId, Option<String>)>,
}

impl PlainNames {
    /// Whether this run has the name; else it waits for it.
    pub(super) fn claim(&self, name: &str, run: RunId) -> bool {
        let mut names = self.names();
        let name = names.entry(name.to_owned()).or_default();
        let is_owner = *name.owner.get_or_insert(run) == run;
        if !is_owner && name.waiting.iter().all(|(other, _)| *other != run) {
            name.waiting.push((run, None));
        }
        is_owner
    }

    /// A run that waited has this container now. Whether it has got the name meanwhile.
    pub(super) fn made(&self, name: &str, run: RunId, container: &str) -> bool {
        let mut names = self.names();
        let Some(name) = names.get_mut(name) else {
            return false;
        };
        if let Some((_, made)) = name.waiting.iter_mut().find(|(other, _)| *other == run) {
            *made = Some(container.to_owned());
        }
        name.owner == Some(run)
    }

    /// A run does not have the name any more, nor wait for it. The container that has it from now on, if one is there.
    pub(super) fn left(&self, name: &str, run: RunId) -> Option<String> {
        let mut names = self.names();
        let entry = names.get_mut(name)?;
        entry.waiting.retain(|(other, _)| *other != run);
        if entry.owner != Some(run) {
            return None;
        }
        entry.owner = None;
        let Some((next, container)) = entry.waiting.pop() else {
            names.remove(name);
            return None;
        };
        entry.owner = Some(next);
        container
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a container another name. One that cannot have it goes on under its own.
pub(super) async fn rename(engine: &ContainerEngine, container: &str, name: &str) {
    let options = RenameContainerOptions {
        name: name.to_owned(),
    };
    if let Err(error) = engine.client.rename_container(container, options).await {
        tracing::warn!(container, name, reason = reason(&error), "not renamed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_goes_to_the_newest_that_waits() {
        let names = PlainNames::default();
        assert!(names.claim("a", RunId(1)));
        assert!(!names.claim("a", RunId(2)));
        assert!(!names.claim("a", RunId(3)));
        assert!(names.claim("b", RunId(4)));
        assert!(!names.made("a", RunId(3), "c3"));
        assert_eq!(names.left("a", RunId(1)), Some("c3".into()));
        assert_eq!(names.left("a", RunId(2)), None);
        assert_eq!(names.left("a", RunId(3)), None);
        assert!(names.claim("a", RunId(5)), "nobody has it any more");
    }

    #[test]
    fn who_is_still_being_made_hears_of_it_then() {
        let names = PlainNames::default();
        names.claim("a", RunId(1));
        names.claim("a", RunId(2));
        assert_eq!(names.left("a", RunId(1)), None);
        assert!(names.made("a", RunId(2), "c2"));
    }
}
