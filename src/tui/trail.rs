//! Where the person was before each jump, so that `esc` returns there.

use super::layout::Pane;
use super::log_view::{Place, Scope};
use super::trace_view::Opened;
use super::ui::{Shared, Ui, Zoom};
use crate::engine::State;
use crate::stack::ServiceName;

/// More jumps in a row are not gone back.
const LONGEST: usize = 50;

/// Where a person was, as far as a jump from there can change it.
#[derive(Debug)]
struct Spot {
    focus: Pane,
    zoom: Zoom,
    shared: Shared,
    /// The service that was chosen, and the one that the jump chose instead.
    chosen: Option<(ServiceName, ServiceName)>,
    logs: (Place, Scope),
    /// What stood in the place of the traces, if the jump put something else there.
    opened: Option<Opened>,
}

/// The jumps that led to where the person is, the first one first.
#[derive(Debug, Default)]
pub(super) struct Trail {
    spots: Vec<Spot>,
    /// A jump, and not the person, made one pane have the whole screen.
    zoomed: bool,
}

impl Trail {
    /// The person chose which panes are to be seen.
    pub(super) fn zoomed_by_hand(&mut self) {
        self.zoomed = false;
    }

    /// The pane in which the first of the jumps began.
    pub(super) fn began_in(&self) -> Option<Pane> {
        self.spots.first().map(|spot| spot.focus)
    }
}

impl Ui {
    /// Notes where the person is, to return to from where a jump leads now.
    pub(super) fn leave(&mut self) {
        let spot = Spot {
            focus: self.focus,
            zoom: self.zoom,
            shared: self.shared,
            chosen: None,
            logs: (self.logs.place, self.logs.scope),
            opened: None,
        };
        let spots = &mut self.trail.spots;
        if spots.len() == LONGEST {
            // Whoever goes back so far ends where the trail began.
            spots.remove(1);
        }
        spots.push(spot);
    }

    /// The same, and puts this in the place of the traces.
    pub(super) fn leave_for(&mut self, opened: Opened) {
        self.leave();
        let before = std::mem::replace(&mut self.traces.opened, opened);
        if let Some(spot) = self.trail.spots.last_mut() {
            spot.opened = Some(before);
        }
        self.show(Pane::Traces);
    }

    /// Chooses the service to which a jump leads; to be called after [`Ui::leave`].
    pub(super) fn choose_there(&mut self, state: &State, at: usize) {
        let before = self.chosen.clone();
        self.choose(state, at);
        let instead = self.chosen.clone();
        if let (Some(spot), true) = (self.trail.spots.last_mut(), before != instead) {
            spot.chosen = before.zip(instead);
        }
    }

    /// One pane has the whole screen, until the person goes elsewhere.
    pub(super) fn show_alone(&mut self, pane: Pane) {
        self.show(pane);
        if self.zoom != Zoom::Alone {
            self.trail.zoomed = true;
            self.unzoomed = self.zoom;
            self.zoom = Zoom::Alone;
        }
    }

    /// Returns to where the last jump began; whether there was one.
    pub(super) fn return_back(&mut self, state: &State) -> bool {
        let Some(spot) = self.trail.spots.pop() else {
            return false;
        };
        if let Some((before, instead)) = spot.chosen {
            // Whom the person chose since stays chosen.
            let at = state.services.get_index_of(&before);
            let is_same = self.chosen.as_ref() == Some(&instead);
            if let Some(at) = at.filter(|_| is_same) {
                self.choose(state, at);
            }
        }
        self.focus = spot.focus;
        self.zoom = spot.zoom;
        self.shared = spot.shared;
        (self.logs.place, self.logs.scope) = spot.logs;
        if let Some(opened) = spot.opened {
            self.traces.opened = opened;
        }
        self.trail.zoomed &= !self.trail.spots.is_empty();
        true
    }

    /// Moves the focus by a person's own choice: from there, nothing leads back. A pane that has the whole screen is looked into
    /// and left again.
    pub(super) fn go_to(&mut self, pane: Pane) {
        if pane == self.focus {
            self.show(pane);
            return;
        }
        if pane.is_whole() {
            self.leave();
            self.show(pane);
            return;
        }
        self.stay();
        self.show(pane);
    }

    /// Nothing leads back from here any more. Whoever saw one pane alone because a jump led there sees again what was seen before.
    pub(super) fn stay(&mut self) {
        let first = self.trail.spots.drain(..).next();
        if let Some(first) = first.filter(|_| std::mem::take(&mut self.trail.zoomed)) {
            self.zoom = first.zoom;
            self.shared = first.shared;
        }
    }

    /// Puts the focus there, and the pane where it can be seen.
    pub(super) fn show(&mut self, pane: Pane) {
        self.focus = pane;
        match pane {
            Pane::Build => self.shared = Shared::Build,
            Pane::Logs => self.shared = Shared::Logs,
            Pane::Details => self.shared = Shared::Details,
            Pane::Services | Pane::Traces | Pane::Health | Pane::Timeline | Pane::Notices => {}
        }
    }
}
