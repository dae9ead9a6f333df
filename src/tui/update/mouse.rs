//! What clicks and the wheel do.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Known, log_source, move_in, traces};
use crate::tui::layout::Pane;
use crate::tui::log_view::Fold;
use crate::tui::pane::tabs;
use crate::tui::trace_view::first_shown;
use crate::tui::ui::{Mode, Ui};

/// Does what a click or the wheel asks for.
pub(super) fn answer(ui: &mut Ui, known: Known<'_>, mouse: MouseEvent) {
    match mouse.kind {
        MouseEventKind::Down(MouseButton::Left) => click(ui, known, mouse.column, mouse.row),
        MouseEventKind::ScrollUp => wheel(ui, known, mouse, -3),
        MouseEventKind::ScrollDown => wheel(ui, known, mouse, 3),
        _ => {}
    }
}

fn wheel(ui: &mut Ui, known: Known<'_>, mouse: MouseEvent, by: isize) {
    if let Mode::Help { scrolled } = &mut ui.mode {
        *scrolled = scrolled.saturating_add_signed(by);
    } else if let Some(pane) = ui.layout.pane_at(mouse.column, mouse.row) {
        let by = if pane == Pane::Logs { by } else { by.signum() };
        move_in(ui, known, pane, by, true);
    }
}

fn click(ui: &mut Ui, known: Known<'_>, column: u16, row: u16) {
    if !matches!(ui.mode, Mode::Panes | Mode::Typing(_)) {
        ui.mode = Mode::Panes;
        return;
    }
    if ui.layout.tabs.contains((column, row).into()) {
        if let Some(pane) = tabs::at(column - ui.layout.tabs.x, ui.layout.tabs.width) {
            ui.go_to(pane);
        }
        return;
    }
    let Some(pane) = ui.layout.pane_at(column, row) else {
        return;
    };
    ui.go_to(pane);
    let area = ui.layout.area(pane).unwrap_or_default();
    let Some(line) = usize::from(row - area.y).checked_sub(1) else {
        return;
    };
    click_row(ui, known, pane, line);
}

fn click_row(ui: &mut Ui, known: Known<'_>, pane: Pane, line: usize) {
    let rows = ui.rows(pane);
    match pane {
        Pane::Services => {
            let len = known.state.services.len();
            let first = first_shown(ui.index(known.state), rows, len);
            ui.choose(known.state, first + line);
        }
        Pane::Traces => traces::click(ui, line),
        Pane::Logs if ui.logs.fold == Fold::Cut => {
            let services = ui.logs.services(ui.chosen.as_ref());
            let source = log_source(known, &services);
            let window = ui.logs.window(source, rows);
            if let Some(clicked) = window.lines.get(line) {
                let below = window.lines.len() - 1 - line;
                ui.logs.point_at(source, clicked, below);
            }
        }
        Pane::Logs | Pane::Health | Pane::Build => {}
    }
}
