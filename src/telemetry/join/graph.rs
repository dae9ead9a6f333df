//! Who calls whom, as far as was seen: in which order services are solved, and where circles could arise.

use std::collections::HashSet;

/// The calls between services, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Graph {
    calls: HashSet<(usize, usize)>,
    cyclic: HashSet<(usize, usize)>,
    /// How far each service is from where requests come in.
    depth: Vec<usize>,
}

impl Graph {
    /// Records that one calls the other; whether that is new.
    pub(super) fn add(&mut self, from: usize, to: usize) -> bool {
        if !self.calls.insert((from, to)) {
            return false;
        }
        let services = from.max(to).max(self.depth.len().saturating_sub(1)) + 1;
        let all = self.calls.iter().copied();
        self.cyclic = all.filter(|&(from, to)| self.reaches(to, from)).collect();
        self.depth = vec![0; services];
        // Without its circles the longest way has fewer calls than there are services.
        for _ in 0..services {
            for &(from, to) in self.calls.difference(&self.cyclic) {
                self.depth[to] = self.depth[to].max(self.depth[from] + 1);
            }
        }
        true
    }

    /// Whether the callee may call back, through whomever.
    pub(super) fn is_cyclic(&self, from: usize, to: usize) -> bool {
        self.cyclic.contains(&(from, to))
    }

    pub(super) fn depth(&self, service: usize) -> usize {
        self.depth.get(service).copied().unwrap_or(0)
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = HashSet::from([from]);
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            let next = self.calls.iter().filter(|call| call.0 == at);
            open.extend(next.map(|call| call.1).filter(|next| seen.insert(*next)));
        }
        false
    }
}
