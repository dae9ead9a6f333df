//! What is to be solved for one caller: requests that it answered, calls that it made meanwhile, and who may have made which.

/// A request that a service answered. Times in microseconds, from whatever zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) start: i64,
    pub(super) end: i64,
    /// Which operation of the service it asked for.
    pub(super) op: u32,
}

/// A call that the service made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) start: i64,
    pub(super) end: i64,
    /// Which operation of which service it asked for.
    pub(super) op: u32,
}

/// The calls of one service, and the requests that may have caused them.
#[derive(Debug, Clone, Default)]
pub(super) struct Problem {
    /// By their begin.
    pub(super) parents: Vec<Parent>,
    /// By their begin.
    pub(super) calls: Vec<Call>,
    /// For each call the parents that may have made it, in their order; a call of which this is known has one.
    pub(super) candidates: Vec<Vec<u32>>,
    /// For each call whether its one candidate is certain.
    pub(super) certain: Vec<bool>,
    /// Of parents that began until then not all calls are here.
    pub(super) partly_until: i64,
    /// Of calls that end after it the parent may still come, and those that are here may have them by mistake.
    pub(super) partly_from: i64,
}

/// In place of a parent: the service made the call of its own accord.
pub(super) const NOBODY: u32 = u32::MAX;

/// Who made which call: for each call a parent or [`NOBODY`].
pub(super) type Assignment = Vec<u32>;

impl Problem {
    /// The operations that are called, each once and in order.
    pub(super) fn ops(&self) -> Vec<u32> {
        let mut ops: Vec<u32> = self.calls.iter().map(|call| call.op).collect();
        ops.sort_unstable();
        ops.dedup();
        ops
    }

    /// For each parent the calls that it made, by their begin.
    pub(super) fn children(&self, assignment: &[u32]) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.parents.len()];
        for (call, &parent) in (0_u32..).zip(assignment) {
            if let Some(list) = children.get_mut(parent as usize) {
                list.push(call);
            }
        }
        children
    }

    /// Whether all calls of a parent are here, and what could be taken for one has its own parent here.
    pub(super) fn is_whole(&self, parent: &Parent) -> bool {
        parent.start > self.partly_until && parent.end <= self.partly_from
    }

    /// From the first begin to the last end, in microseconds; at least one.
    pub(super) fn length(&self) -> i64 {
        let starts = self.parents.iter().map(|parent| parent.start);
        let starts = starts.chain(self.calls.iter().map(|call| call.start));
        let ends = self.parents.iter().map(|parent| parent.end);
        let ends = ends.chain(self.calls.iter().map(|call| call.end));
        let (first, last) = (starts.min().unwrap_or(0), ends.max().unwrap_or(0));
        last.saturating_sub(first).max(1)
    }
}
