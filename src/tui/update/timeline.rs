//! Keys and clicks on the timeline.

use std::time::Duration;

use super::Known;
use super::whole::{self, Answer};
use crate::engine::{Moment, State};
use crate::tui::bins;
use crate::tui::goal::Goal;
use crate::tui::keys::{Action, Axis};
use crate::tui::layout::Pane;
use crate::tui::pane::timeline::{axis_in, places, rows};
use crate::tui::ui::Ui;

/// How many columns the axis has, as it was drawn last.
fn columns(ui: &Ui, state: &State) -> usize {
    let area = ui.layout.area(Pane::Timeline);
    area.map_or(1, |area| usize::from(axis_in(area, state).width))
}

/// After which time the timeline looks different by itself, if it is looked at.
pub(in crate::tui) fn axis_moves(ui: &Ui, state: &State, now: Moment) -> Option<Duration> {
    let period = ui.timeline.period(now, columns(ui, state));
    period.filter(|_| ui.focus == Pane::Timeline)
}

/// Does what a key of the timeline asks for, if it is its own.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) -> Answer {
    let (now, columns) = (known.clock.now(), columns(ui, known.state));
    match action {
        Action::Left | Action::Right => {
            let right = action == Action::Right;
            to_event(ui, now, columns, right);
        }
        Action::Axis(Axis::Closer) => ui.timeline.zoom(true, now, columns),
        Action::Axis(Axis::Wider) => ui.timeline.zoom(false, now, columns),
        Action::Axis(Axis::Whole) => ui.timeline.zoom_to_all(now, columns),
        Action::Axis(Axis::Earlier) => ui.timeline.pan(false, now, columns),
        Action::Axis(Axis::Later) => ui.timeline.pan(true, now, columns),
        Action::Top => ui.timeline.go_to_beginning(now, columns),
        Action::Bottom => ui.timeline.follow(),
        Action::Open => {
            let goal = goal(ui, now, columns);
            whole::go_to(ui, known, goal);
        }
        _ => return Answer::None,
    }
    Answer::Done(None)
}

fn to_event(ui: &mut Ui, now: Moment, columns: usize, right: bool) {
    let Some(name) = ui.chosen.clone() else {
        return;
    };
    // The row is taken out for a moment, because it is part of what changes.
    let record = std::mem::take(&mut ui.timeline.record);
    let moved = ui
        .timeline
        .go_to_event(record.row(&name), right, now, columns);
    ui.timeline.record = record;
    if !moved {
        let row = ui.timeline.record.row(&name);
        ui.said = Some(match row.map_or(0, |row| row.let_go) {
            _ if right => format!("no later event of {name}"),
            0 => format!("no earlier event of {name}"),
            gone => format!("no earlier event of {name} is kept: {gone} were let go"),
        });
    }
}

/// Where what stands at the cursor leads.
fn goal(ui: &Ui, now: Moment, columns: usize) -> Option<Goal> {
    let name = ui.chosen.as_ref()?;
    let at = ui.timeline.cursor()?;
    let row = ui.timeline.record.row(name)?;
    let window = ui.timeline.window(now, columns);
    let (errors, events) = bins::at(row, window, at, now);
    if errors > 0 {
        return Some(Goal::Logs {
            service: name.clone(),
            at,
        });
    }
    let mut goals = events.into_iter().map(|event| event.goal.clone());
    goals.find(|goal| *goal != Goal::Nowhere)
}

/// Chooses the service and the place on the axis of a click in this column of the screen and this line of the pane.
pub(super) fn click(ui: &mut Ui, known: Known<'_>, column: u16, line: usize) {
    let Some(area) = ui.layout.area(Pane::Timeline) else {
        return;
    };
    let height = usize::from(rows(area.height));
    let services = known.state.services.len();
    let places = places(height, services, ui.index(known.state));
    let Some(row) = line.checked_sub(1).filter(|row| *row < height) else {
        return;
    };
    let place = places.first + row / places.lanes;
    if place >= services {
        return;
    }
    ui.choose(known.state, place);
    let axis = axis_in(area, known.state);
    if let Some(at) = column.checked_sub(axis.x).filter(|at| *at < axis.width) {
        let (now, columns) = (known.clock.now(), usize::from(axis.width));
        ui.timeline.click(usize::from(at), now, columns);
    }
}
