//! Terminals inside runs: which adapter opens one, and what ends with a run.

use std::sync::Arc;

use super::world::RealWorld;
use crate::engine::{Effect, Inside, RunId};
use crate::stack::Runtime;
use crate::telemetry::Telemetry;
use crate::telemetry::terminals::{Key, Kind};

impl RealWorld {
    /// Opens a terminal inside a run, unless the one that is wanted still goes on.
    pub(super) fn go_inside(&self, effect: Effect) {
        let Effect::GoInside { service, run, what } = effect else {
            return;
        };
        let (kind, line) = match &what {
            Inside::Shell => (Kind::Shell, None),
            Inside::Own => (Kind::Own, None),
            Inside::Command { line } => (Kind::Command, Some(line.clone())),
        };
        let key = Key { service, kind };
        let terminals = self.wires.telemetry.terminals();
        let Some(terminal) = terminals.open(key, run.0, line) else {
            return;
        };
        match self.runs.get(&run).map(|live| live.runtime) {
            Some(Runtime::Container) => self.engine.containers.go_inside(run, what, terminal),
            Some(Runtime::Process) => self.processes.go_inside(run, what, terminal),
            None => terminal.terminal.ended("its run has just ended"),
        }
    }
}

/// A run has ended: nobody is inside of it any more.
pub(super) fn left(telemetry: &Arc<Telemetry>, run: RunId) {
    telemetry.terminals().run_ended(run.0);
}
