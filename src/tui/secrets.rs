//! What was told, made fit to be kept for the screen: harmless, and without the stack's secrets.

use std::sync::Arc;

use crate::stack::Stack;
use crate::text::{self, Redactor};

/// The secrets of the stack as it is now.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    redactor: Redactor,
    /// Whose they are.
    stack: Option<Arc<Stack>>,
}

impl Secrets {
    /// Learns them anew if the stack is another one than before.
    pub(super) fn learn(&mut self, stack: &Arc<Stack>) {
        let is_known = |known: &Arc<Stack>| Arc::ptr_eq(known, stack);
        if !self.stack.as_ref().is_some_and(is_known) {
            self.redactor = Redactor::new(&stack.redact);
            self.stack = Some(Arc::clone(stack));
        }
    }

    /// The words without secrets and without control letters.
    pub(super) fn clean(&self, words: &str) -> String {
        let words = text::readable(words.as_bytes());
        self.redactor.text(&words).into_owned()
    }
}
