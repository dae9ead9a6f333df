//! What the screen knows of two traces that are compared.

use super::trace_view::moved;
use crate::telemetry::{Pair, Telemetry, TraceId, align_traces};

/// Two traces side by side.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The one that was marked.
    pub(super) left: TraceId,
    /// The other.
    pub(super) right: TraceId,
    /// Which line is chosen.
    pub(super) at: usize,
    /// Their lines, as of the last frame.
    pub(super) pairs: Vec<Pair>,
    sizes: Option<[(usize, usize); 2]>,
}

impl Comparison {
    /// Of these two.
    pub(super) fn new(left: TraceId, right: TraceId) -> Self {
        Self {
            left,
            right,
            at: 0,
            pairs: Vec::new(),
            sizes: None,
        }
    }

    /// Aligns them again if they have grown.
    pub(super) fn refresh(&mut self, telemetry: &Telemetry) {
        let sizes = [self.left, self.right].map(|trace| telemetry.size_of_trace(trace));
        if self.sizes == Some(sizes) {
            return;
        }
        self.sizes = Some(sizes);
        let [left, right] = [self.left, self.right].map(|trace| telemetry.waterfall(trace));
        self.pairs = align_traces(&left, &right);
        self.go(0);
    }

    /// Goes down, or up if negative.
    pub(super) fn go(&mut self, by: isize) {
        self.at = moved(self.at, by, self.pairs.len());
    }
}
