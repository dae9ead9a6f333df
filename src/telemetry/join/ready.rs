//! A template made ready for one problem: what the walk asks at every step.

use std::cell::RefCell;

use super::density::Density;
use super::problem::Parent;
use super::template::{End, ORDINALS, Reference, Template, mix};

/// So many shapes are remembered at a time, as a power of two.
const SHAPES: u32 = 6;
/// For a call that requests of this operation never made: as a stray delay of some seconds would weigh.
const UNHEARD: f64 = -20.0;

/// A call and the number of its operation in the problem.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kinded {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) kind: usize,
}

/// An operation by its number, and which of its calls within the request.
type Which = (usize, usize);

/// What a call waits for.
#[derive(Debug, Clone, Copy)]
enum After {
    /// The request itself.
    Start,
    /// The last answer that had come.
    LastEnd,
    /// The call before.
    LastStart,
    StartOf(Which),
    EndOf(Which),
}

/// A call as it was learned.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    after: After,
    delay: &'a Density,
    since_start: &'a Density,
}

/// A template that knows the numbers of a problem's operations.
#[derive(Debug)]
pub(super) struct Ready<'a> {
    template: &'a Template,
    ops: &'a [u32],
    /// By [`place`].
    known: Vec<Option<Known<'a>>>,
    /// For each operation of the last call that was answered.
    ends: Vec<&'a End>,
    /// Where none was.
    no_end: &'a End,
    mixes: Vec<u64>,
    /// Shapes met last, and how likely they are.
    shapes: RefCell<[(u64, f64); 1 << SHAPES]>,
}

/// The calls that a request is taken to have made, by their begin.
#[derive(Clone, Copy)]
struct Made<'a> {
    children: &'a [u32],
    calls: &'a [Kinded],
}

impl<'a> Made<'a> {
    fn at(self, place: usize) -> &'a Kinded {
        &self.calls[self.children[place] as usize]
    }

    fn iter(self) -> impl Iterator<Item = &'a Kinded> {
        self.children
            .iter()
            .map(move |call| &self.calls[*call as usize])
    }

    fn which(self, (kind, ordinal): Which) -> Option<&'a Kinded> {
        self.iter().filter(|call| call.kind == kind).nth(ordinal)
    }
}

/// Where it stands what is known of a call: for each operation, ordinal, and whether it is the first call of all.
fn place((kind, ordinal): Which, first: bool) -> usize {
    (kind * ORDINALS + ordinal) * 2 + usize::from(first)
}

impl<'a> Ready<'a> {
    /// For a problem with calls of these operations, which are numbered by their order.
    pub(super) fn new(template: &'a Template, ops: &'a [u32]) -> Self {
        let which = |op: u32, ordinal: usize| Some((ops.binary_search(&op).ok()?, ordinal));
        let mut known = vec![None; ops.len() * ORDINALS * 2];
        for slot in &template.slots {
            // What a problem without the operation refers to is not found in it.
            let refer = |at: usize| {
                let (op, ordinal, _) = template.keys[at];
                which(op, ordinal).unwrap_or((usize::MAX, ordinal))
            };
            let after = match slot.after {
                Reference::Start => After::Start,
                Reference::LastEnd => After::LastEnd,
                Reference::LastStart => After::LastStart,
                Reference::SlotStart(at) => After::StartOf(refer(at)),
                Reference::SlotEnd(at) => After::EndOf(refer(at)),
            };
            let (op, ordinal, first) = slot.key;
            if let Some(which) = which(op, ordinal) {
                known[place(which, first)] = Some(Known {
                    after,
                    delay: &slot.delay,
                    since_start: &slot.since_start,
                });
            }
        }
        let end = |op: Option<u32>| {
            let known = template.ends.iter().find(|(other, _)| *other == op);
            known.map_or(&template.any_end, |(_, end)| end)
        };
        Self {
            template,
            ops,
            known,
            ends: ops.iter().map(|op| end(Some(*op))).collect(),
            no_end: end(None),
            mixes: ops.iter().map(|op| mix(*op)).collect(),
            shapes: RefCell::new([(0, f64::NAN); 1 << SHAPES]),
        }
    }

    /// The natural logarithm of how likely it is that this request made these calls, by their begin, and no other.
    pub(super) fn log(&self, parent: &Parent, children: &[u32], calls: &[Kinded]) -> f64 {
        let made = Made { children, calls };
        let mut shape = 0_u64;
        let mut sum = 0.0;
        let mut last: Option<&Kinded> = None;
        for (at, call) in made.iter().enumerate() {
            shape = shape.wrapping_add(self.mixes[call.kind]);
            sum += self.log_call(parent, made, at);
            if call.end <= parent.end && last.is_none_or(|last| last.end <= call.end) {
                last = Some(call);
            }
        }
        let end = last.map_or(self.no_end, |last| self.ends[last.kind]);
        let last = last.filter(|_| end.after_last);
        let from = last.map_or(parent.start, |last| last.end);
        sum + self.log_shape(shape, made) + end.delay.log(parent.end.saturating_sub(from))
    }

    fn log_call(&self, parent: &Parent, made: Made<'_>, at: usize) -> f64 {
        let call = made.at(at);
        let before = || (0..at).map(|other| made.at(other));
        let ordinal = before().filter(|other| other.kind == call.kind).count();
        let Some(known) = &self.known[place((call.kind, ordinal.min(ORDINALS - 1)), at == 0)]
        else {
            return UNHEARD;
        };
        let time = match known.after {
            After::Start => Some(parent.start),
            After::LastEnd => {
                let ends = before().map(|other| other.end);
                let ends = ends.filter(|end| *end <= call.start);
                Some(ends.max().unwrap_or(parent.start))
            }
            After::LastStart if at == 0 => Some(parent.start),
            After::LastStart => Some(made.at(at - 1).start),
            After::StartOf(which) => made.which(which).map(|call| call.start),
            After::EndOf(which) => made.which(which).map(|call| call.end),
        };
        match time {
            Some(time) => known.delay.log(call.start.saturating_sub(time)),
            None => known
                .since_start
                .log(call.start.saturating_sub(parent.start)),
        }
    }

    fn log_shape(&self, shape: u64, made: Made<'_>) -> f64 {
        let place = usize::try_from(shape >> (u64::BITS - SHAPES)).unwrap_or(0);
        let (known, log) = self.shapes.borrow()[place];
        if known == shape && !log.is_nan() {
            return log;
        }
        let count_of = |op: u32| made.iter().filter(|call| self.ops[call.kind] == op).count();
        let log = self.template.log_shape(shape, count_of);
        self.shapes.borrow_mut()[place] = (shape, log);
        log
    }
}
