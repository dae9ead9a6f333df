//! What clicks and the wheel do.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Known, Wish, details, log_source, logs, move_in, timeline, traces};
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::log_rows::{self, Slot};
use crate::tui::log_view::{Fold, Place};
use crate::tui::pane::{log_bar, tabs};
use crate::tui::trace_view::first_shown;
use crate::tui::ui::{Mode, Ui};

/// Does what a click, the wheel or drawing the mouse over lines asks for.
pub(super) fn answer(ui: &mut Ui, known: Known<'_>, mouse: MouseEvent) -> Option<Wish> {
    match mouse.kind {
        MouseEventKind::Drag(MouseButton::Left) if ui.held.is_some() => {
            if let Some(grip) = ui.held {
                grip.drag(&mut ui.dividers, mouse.column, mouse.row);
            }
        }
        MouseEventKind::Up(MouseButton::Left) if ui.held.take().is_some() => {}
        MouseEventKind::Drag(MouseButton::Left) => drag(ui, known, mouse.column, mouse.row),
        MouseEventKind::Up(MouseButton::Left) if ui.dragging => {
            ui.dragging = false;
            return logs::copy(ui, known);
        }
        MouseEventKind::Down(MouseButton::Left) => click(ui, known, mouse.column, mouse.row),
        MouseEventKind::ScrollUp => wheel(ui, known, mouse, -3),
        MouseEventKind::ScrollDown => wheel(ui, known, mouse, 3),
        _ => {}
    }
    None
}

/// Chooses lines of the log from where the button went down to here.
fn drag(ui: &mut Ui, known: Known<'_>, column: u16, row: u16) {
    let is_in_logs = ui.layout.pane_at(column, row) == Some(Pane::Logs);
    if ui.focus != Pane::Logs || ui.mode != Mode::Panes || !is_in_logs {
        return;
    }
    let Place::Paused { cursor, .. } = ui.logs.place else {
        return;
    };
    let anchor = ui.logs.anchor.unwrap_or(cursor);
    let area = ui.layout.area(Pane::Logs).unwrap_or_default();
    if let Some(line) = usize::from(row - area.y).checked_sub(1) {
        click_row(ui, known, Pane::Logs, line);
        ui.logs.anchor = Some(anchor);
        ui.dragging = true;
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
    let mut grips = ui.layout.grips.iter();
    ui.held = grips.find(|grip| grip.is_at(column, row)).copied();
    if ui.layout.tabs.contains((column, row).into()) {
        if let Some(pane) = tabs::at(column - ui.layout.tabs.x, ui.layout.tabs.width, ui.focus) {
            match pane {
                Pane::Details if ui.focus == pane => {}
                Pane::Details => details::act(ui, known, Action::Details),
                _ => ui.go_to(pane),
            }
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
    let is_on_bar = column >= area.right().saturating_sub(log_bar::columns(area.width));
    if pane == Pane::Timeline {
        timeline::click(ui, known, column, line);
    } else if pane == Pane::Logs && is_on_bar {
        go_to_time(ui, known, line);
    } else {
        click_row(ui, known, pane, line);
    }
}

/// Goes to what was said at the time of this row of the scroll bar.
fn go_to_time(ui: &mut Ui, known: Known<'_>, line: usize) {
    let services = ui.logs.services(ui.chosen.as_ref());
    let (source, rows) = (log_source(known, &services), ui.rows(Pane::Logs));
    if let Some(at) = log_bar::time_of(source, line, rows) {
        ui.logs.go_to_time(source, at, rows);
    }
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
            let slots = log_rows::slots(&window);
            let cursor = log_rows::of_cursor(&slots, &window);
            let below = window.cursor.map_or(0, |cursor| cursor.below);
            let cursor = cursor.map(|at| (at, at, below));
            let first = log_rows::first(slots.len(), rows, cursor);
            if let Some(Slot::Row { entry, row }) = slots.get(first + line) {
                let at = window.entries[*entry].at;
                let below = rows.min(slots.len()).saturating_sub(line + 1);
                ui.logs.point_at_row(source, at, *row, below);
            }
        }
        Pane::Details => details::click(ui, known, line),
        Pane::Logs | Pane::Health | Pane::Build | Pane::Timeline | Pane::Notices => {}
    }
}
