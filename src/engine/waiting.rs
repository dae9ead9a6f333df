//! Saved files that are not acted upon until somebody asks for it: collected, and never lost.

use super::turn::Turn;
use super::{Action, Change, Moment, Notice, PendingEdits, ServiceState, SyncCopy};
use crate::stack::Then;

/// What was saved for one service and waits.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitingEdits {
    /// How many changes.
    pub changes: u32,
    /// The first save of the first of them.
    pub first_save: Moment,
    /// The last save of the last of them.
    pub last_save: Moment,
    /// What they ask for, all together.
    pub actions: Vec<Action>,
}

impl WaitingEdits {
    /// Nothing yet, of this change.
    pub(super) fn new(change: &Change) -> Self {
        Self {
            changes: 0,
            first_save: change.first_save,
            last_save: change.last_save,
            actions: Vec::new(),
        }
    }

    /// One change more. A file that was saved before is copied once, as it is saved last.
    pub(super) fn add(&mut self, change: &Change, actions: impl IntoIterator<Item = Action>) {
        self.changes += 1;
        self.first_save = self.first_save.min(change.first_save);
        self.last_save = self.last_save.max(change.last_save);
        for action in actions {
            match action {
                Action::Sync { copies, then } => self.copy(copies, then),
                Action::Infer { copies } => self.infer(copies),
                Action::Rebuild | Action::Restart if self.actions.contains(&action) => {}
                Action::Rebuild | Action::Restart => self.actions.push(action),
            }
        }
    }

    fn infer(&mut self, newer: Vec<SyncCopy>) {
        let earlier = self.actions.iter_mut().find_map(|action| match action {
            Action::Infer { copies } => Some(copies),
            Action::Sync { .. } | Action::Rebuild | Action::Restart => None,
        });
        match earlier {
            Some(copies) => {
                copies.retain(|copy| newer.iter().all(|newer| newer.to != copy.to));
                copies.extend(newer);
            }
            None => self.actions.push(Action::Infer { copies: newer }),
        }
    }

    fn copy(&mut self, newer: Vec<SyncCopy>, after: Then) {
        for action in &mut self.actions {
            if let Action::Sync { copies, .. } = action {
                copies.retain(|copy| newer.iter().all(|newer| newer.to != copy.to));
            }
        }
        let same = self.actions.iter_mut().find_map(|action| match action {
            Action::Sync { copies, then } if *then == after => Some(copies),
            Action::Sync { .. } | Action::Infer { .. } | Action::Rebuild | Action::Restart => None,
        });
        match same {
            Some(copies) => copies.extend(newer),
            None => self.actions.push(Action::Sync {
                copies: newer,
                then: after,
            }),
        }
    }
}

/// Takes what waits out, to be applied now; the saves it brings.
pub(super) fn take(
    service: &mut ServiceState,
    now: Moment,
    turn: &mut Turn,
) -> Option<(Vec<Action>, PendingEdits)> {
    let waiting = service.waiting.take()?;
    turn.tell(Notice::EditsApplied {
        service: Some(service.service.name.clone()),
        edits: waiting.changes,
    });
    let edits = PendingEdits {
        first_save: waiting.first_save,
        newest_first_save: now,
        last_save: waiting.last_save,
        newest: service.changes.applied(now),
        generation: None,
    };
    Some((waiting.actions, edits))
}

/// A build, or a process that starts, takes the files as they are: what waits comes with it. Where another run of the same
/// content goes on, not all runs have it then, so that it still waits.
pub(super) fn take_along(service: &mut ServiceState, now: Moment, turn: &mut Turn) {
    if service.current().next().is_some() {
        return;
    }
    if let Some((actions, edits)) = take(service, now, turn) {
        service.remember(&actions);
        service.add_edits(PendingEdits {
            generation: Some(service.generation),
            ..edits
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(millis: u64) -> Change {
        Change {
            first_save: Moment::from_millis(millis),
            last_save: Moment::from_millis(millis + 1),
            paths: Vec::new(),
            actions: Vec::new(),
        }
    }

    fn sync(files: &[(&str, bool)], then: Then) -> Action {
        let copy =
            |(to, is_there): &(&str, bool)| SyncCopy::new(is_there.then(|| (*to).into()), *to);
        let copies = files.iter().map(copy).collect();
        Action::Sync { copies, then }
    }

    #[test]
    fn many_changes_are_as_one() {
        let mut waiting = WaitingEdits::new(&change(10));
        waiting.add(&change(10), [Action::Rebuild]);
        waiting.add(
            &change(20),
            [sync(&[("/a", true), ("/b", true)], Then::Nothing)],
        );
        waiting.add(
            &change(30),
            [sync(&[("/a", false)], Then::Nothing), Action::Rebuild],
        );
        waiting.add(&change(40), [sync(&[("/b", true)], Then::Restart)]);
        assert_eq!(waiting.changes, 4);
        assert_eq!(waiting.first_save, Moment::from_millis(10));
        assert_eq!(waiting.last_save, Moment::from_millis(41));
        let expected = [
            Action::Rebuild,
            sync(&[("/a", false)], Then::Nothing),
            sync(&[("/b", true)], Then::Restart),
        ];
        assert_eq!(waiting.actions, expected);
    }
}
