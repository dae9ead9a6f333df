//! Keys about how the screen is laid out.

use crate::tui::keys::{Action, Side};
use crate::tui::layout::Pane;
use crate::tui::layout::divide::{Divider, Dividers};
use crate::tui::ui::{Ui, Zoom};

/// Does what such a key asks for.
pub(super) fn act(ui: &mut Ui, action: Action) {
    match action {
        Action::Zoom => zoom(ui),
        Action::NextLayout => next_layout(ui),
        Action::Divider(Side::Back) => ui.dividers = Dividers::default(),
        _ => move_divider(ui, action),
    }
}

fn zoom(ui: &mut Ui) {
    if ui.focus.is_whole() {
        ui.said = Some("this pane has the whole screen already; esc goes back".into());
        return;
    }
    ui.trail.zoomed_by_hand();
    ui.zoom = match ui.zoom {
        Zoom::Overview | Zoom::Focus => {
            ui.unzoomed = ui.zoom;
            Zoom::Alone
        }
        Zoom::Alone => ui.unzoomed,
    };
}

/// Overview, the pane in focus with the services, the logs alone; and round again.
fn next_layout(ui: &mut Ui) {
    if ui.focus.is_whole() {
        return zoom(ui);
    }
    ui.trail.zoomed_by_hand();
    let (zoom, said) = match ui.zoom {
        Zoom::Overview => (Zoom::Focus, "the services, and the pane you are in"),
        Zoom::Focus => (Zoom::Alone, "the logs alone"),
        Zoom::Alone => (Zoom::Overview, "as many panes as there is room for"),
    };
    if zoom == Zoom::Alone {
        ui.go_to(Pane::Logs);
        ui.unzoomed = Zoom::Overview;
    }
    ui.zoom = zoom;
    ui.said = Some(said.into());
}

/// Moves the divider beside the pane, or above or below it.
fn move_divider(ui: &mut Ui, action: Action) {
    let (wanted, by) = match action {
        Action::Divider(Side::Left) => (Divider::Columns, -2),
        Action::Divider(Side::Right) => (Divider::Columns, 2),
        _ => {
            let is_left = matches!(ui.focus, Pane::Services | Pane::Health | Pane::Build);
            let wanted = if is_left {
                Divider::Services
            } else {
                Divider::Traces
            };
            (
                wanted,
                if action == Action::Divider(Side::Up) {
                    -1
                } else {
                    1
                },
            )
        }
    };
    let mut grips = ui.layout.grips.iter();
    match grips.find(|grip| grip.divider == wanted) {
        Some(grip) => grip.shift(&mut ui.dividers, by),
        None => ui.said = Some("nothing divides panes there".into()),
    }
}
