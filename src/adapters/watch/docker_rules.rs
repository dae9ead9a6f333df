//! Docker's ignore rules with what they said about each folder remembered.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::adapters::ignore_rules::{DockerIgnore, RuleIndex};

/// Docker's rules, and what they said about folders before: each rule is tried on each part of a path once.
#[derive(Debug)]
pub(super) struct DockerRules {
    pub(super) rules: DockerIgnore,
    folders: RefCell<HashMap<String, Option<RuleIndex>>>,
}

impl DockerRules {
    pub(super) fn new(rules: DockerIgnore) -> Self {
        Self {
            rules,
            folders: RefCell::default(),
        }
    }

    pub(super) fn excludes(&self, inside: &str) -> bool {
        self.rules.is_excluding(self.decision(inside))
    }

    pub(super) fn could_contain(&self, folder: &str) -> bool {
        let decision = self.of_folder(folder);
        self.rules.could_contain(decision, folder)
    }

    pub(super) fn decision(&self, inside: &str) -> Option<RuleIndex> {
        let above = inside.rsplit_once('/').map(|(folder, _)| folder);
        self.rules
            .decide(above.and_then(|folder| self.of_folder(folder)), inside)
    }

    pub(super) fn of_folder(&self, folder: &str) -> Option<RuleIndex> {
        if let Some(known) = self.folders.borrow().get(folder) {
            return *known;
        }
        let decision = self.decision(folder);
        self.folders.borrow_mut().insert(folder.into(), decision);
        decision
    }
}
