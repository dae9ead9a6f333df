//! Being inside a service: going in, what keys and the mouse do there, and leaving.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

use super::{Known, Wish, mouse, typing};
use crate::engine::{Command, Inside};
use crate::telemetry::terminals::{Key, Kind, Size, Terminal};
use crate::tui::keys::{self, Action, Where};
use crate::tui::pane;
use crate::tui::program_keys;
use crate::tui::prompt::Line;
use crate::tui::ui::{Asked, Mode, Ui};

/// So many lines are scrolled by one turn of the wheel.
const WHEEL: i32 = 3;

/// Goes inside the chosen service, or back to where one has been before.
pub(super) fn enter(ui: &mut Ui, known: Known<'_>, kind: Kind) -> Option<Wish> {
    let key = chosen(ui, kind)?;
    let goes_on = terminal(known, &key).filter(|terminal| !terminal.is_over());
    if goes_on.is_some() {
        ui.mode = Mode::Inside(key);
        return None;
    }
    let what = match kind {
        Kind::Shell => Inside::Shell,
        Kind::Own => Inside::Own,
        Kind::Command => return ask(ui, known, key),
    };
    go(ui, known, key, what)
}

/// Asks for a command line. While one goes on, it is that which is shown.
fn ask(ui: &mut Ui, known: Known<'_>, key: Key) -> Option<Wish> {
    if can_go(ui, known, &key) || terminal(known, &key).is_some() {
        let service = key.service;
        typing::ask(
            ui,
            Asked::Command { service },
            String::new(),
            Line::default(),
        );
    }
    None
}

/// Runs the line that was typed; an empty one shows what the last one printed.
pub(super) fn run(ui: &mut Ui, known: Known<'_>, service: &str, line: &str) -> Option<Wish> {
    let key = Key {
        service: service.into(),
        kind: Kind::Command,
    };
    let line = line.trim();
    if line.is_empty() {
        if terminal(known, &key).is_some() {
            ui.mode = Mode::Inside(key);
        }
        return None;
    }
    let line = line.to_owned();
    go(ui, known, key, Inside::Command { line })
}

fn go(ui: &mut Ui, known: Known<'_>, key: Key, what: Inside) -> Option<Wish> {
    if !can_go(ui, known, &key) {
        return None;
    }
    let service = key.service.clone();
    ui.mode = Mode::Inside(key);
    Some(Wish::Command(Command::GoInside { service, what }))
}

/// Whether something of the service runs that can be gone into; says why not.
fn can_go(ui: &mut Ui, known: Known<'_>, key: &Key) -> bool {
    let service = known.state.services.get(&key.service);
    let is_up = service.is_some_and(|service| service.entrance().is_some());
    if !is_up {
        ui.said = Some(format!(
            "{} does not run, so nobody can be inside; s starts it",
            key.service
        ));
    }
    is_up
}

fn chosen(ui: &Ui, kind: Kind) -> Option<Key> {
    let service = ui.chosen.clone()?;
    Some(Key { service, kind })
}

fn terminal(known: Known<'_>, key: &Key) -> Option<Arc<Terminal>> {
    known.telemetry.terminals().get(key)
}

/// Gives the terminal that is looked at the size of its place on the screen.
pub(in crate::tui) fn fit(ui: &Ui, telemetry: &crate::telemetry::Telemetry) {
    let (Mode::Inside(key), false) = (&ui.mode, ui.layout.inside.is_empty()) else {
        return;
    };
    let area = pane::inside::cells(ui.layout.inside);
    let size = Size {
        columns: area.width,
        rows: area.height,
    };
    let terminals = telemetry.terminals();
    terminals.give_room(size);
    if let Some(terminal) = terminals.get(key) {
        terminal.resize(size);
    }
}

/// What a key does inside.
pub(super) fn key(ui: &mut Ui, known: Known<'_>, pressed: KeyEvent) -> Option<Wish> {
    let had_words = ui.said.take().is_some();
    let Mode::Inside(key) = ui.mode.clone() else {
        return None;
    };
    let Some(terminal) = terminal(known, &key) else {
        leave(ui, known, &key);
        return None;
    };
    let name = keys::key_name(pressed);
    let action = name
        .as_ref()
        .and_then(|name| ui.keymap.action(name, &[Where::Inside]));
    match action {
        Some(Action::Leave) => leave(ui, known, &key),
        Some(action) if scrolls(&terminal, pressed) => scroll(&terminal, action),
        _ if terminal.is_over() => {
            if matches!(
                pressed.code,
                KeyCode::Enter | KeyCode::Esc | KeyCode::Char('q')
            ) {
                leave(ui, known, &key);
            }
        }
        _ => {
            if let Some(bytes) = program_keys::key(pressed, terminal.modes()) {
                let scrolled = terminal.scrolled().0 > 0;
                type_in(ui, &terminal, bytes);
                // What comes of it will be told; until then there is nothing to draw.
                ui.forwarded = !had_words && !scrolled && ui.said.is_none();
            }
        }
    }
    None
}

/// Whether a key looks at what went out at the top: with Shift always, alone while the program has not the whole screen.
fn scrolls(terminal: &Terminal, pressed: KeyEvent) -> bool {
    let shifted = pressed
        .modifiers
        .contains(crossterm::event::KeyModifiers::SHIFT);
    shifted || terminal.is_over() || !terminal.modes().alternate
}

fn scroll(terminal: &Terminal, action: Action) {
    let page = i32::from(terminal.size().rows.saturating_sub(1).max(1));
    match action {
        Action::PageUp => terminal.scroll(page),
        Action::PageDown => terminal.scroll(-page),
        Action::Top => terminal.scroll_to_end(true),
        _ => terminal.scroll_to_end(false),
    }
}

fn type_in(ui: &mut Ui, terminal: &Terminal, bytes: Vec<u8>) {
    if !terminal.type_in(bytes) && !terminal.is_over() {
        ui.said = Some("its program reads nothing: what was typed is lost".into());
    }
}

/// Passes a paste on.
pub(super) fn paste(ui: &mut Ui, known: Known<'_>, key: &Key, text: &str) {
    if let Some(terminal) = terminal(known, key) {
        let bytes = program_keys::paste(text, terminal.modes());
        type_in(ui, &terminal, bytes);
    }
}

/// Back to the panes; what is inside goes on.
fn leave(ui: &mut Ui, known: Known<'_>, key: &Key) {
    ui.mode = Mode::Panes;
    let Some(terminal) = terminal(known, key) else {
        return;
    };
    terminal.leave();
    let (what, service) = (key.kind.word(), &key.service);
    let returns = match key.kind {
        Kind::Shell => "E",
        Kind::Own => "A",
        Kind::Command => "!",
    };
    if terminal.is_over() {
        if key.kind != Kind::Command {
            known.telemetry.terminals().forget(key);
        }
        return;
    }
    // The keys first: where there is little room, the end is cut.
    ui.said = Some(match key.kind {
        Kind::Own => format!("left: {returns} returns, x detaches from {service}"),
        Kind::Shell | Kind::Command => {
            format!("left: {returns} returns, x ends the {what} of {service}")
        }
    });
    ui.left = Some(key.clone());
}

/// Ends what was left with the key before this one.
pub(super) fn end(ui: &mut Ui, known: Known<'_>, key: &Key) {
    if let Some(terminal) = terminal(known, key) {
        terminal.end();
        ui.said = Some(match key.kind {
            Kind::Own => format!("detached from {}, which goes on", key.service),
            Kind::Shell | Kind::Command => {
                format!("ending the {} of {}", key.kind.word(), key.service)
            }
        });
    }
}

/// What the mouse does while somebody is inside.
pub(super) fn mouse(ui: &mut Ui, known: Known<'_>, event: MouseEvent) -> Option<Wish> {
    let Mode::Inside(key) = ui.mode.clone() else {
        return None;
    };
    let area = pane::inside::cells(ui.layout.inside);
    if !area.contains((event.column, event.row).into()) {
        let is_title = ui.layout.inside.contains((event.column, event.row).into());
        if matches!(event.kind, MouseEventKind::Down(_)) && !is_title {
            leave(ui, known, &key);
            return mouse::answer(ui, known, event);
        }
        return None;
    }
    if let Some(terminal) = terminal(known, &key) {
        point(ui, &terminal, event, area);
    }
    None
}

fn point(ui: &mut Ui, terminal: &Terminal, event: MouseEvent, area: Rect) {
    let modes = terminal.modes();
    let (column, row) = (event.column - area.x, event.row - area.y);
    if let Some(bytes) = program_keys::mouse(event, column, row, modes) {
        type_in(ui, terminal, bytes);
        return;
    }
    let by = match event.kind {
        MouseEventKind::ScrollUp => WHEEL,
        MouseEventKind::ScrollDown => -WHEEL,
        _ => return,
    };
    if !modes.alternate || terminal.is_over() {
        terminal.scroll(by);
    } else if modes.alternate_scroll {
        let code = if by > 0 { KeyCode::Up } else { KeyCode::Down };
        let arrow = program_keys::key(KeyEvent::from(code), modes).unwrap_or_default();
        type_in(ui, terminal, arrow.repeat(WHEEL.unsigned_abs() as usize));
    }
}

/// The key after the one that left: whether it was for what was left.
pub(super) fn after_leaving(ui: &mut Ui, known: Known<'_>, name: &str) -> bool {
    let Some(left) = ui.left.take() else {
        return false;
    };
    let is_end = ui.keymap.action(name, &[Where::Left]) == Some(Action::EndInside);
    if is_end {
        end(ui, known, &left);
    }
    is_end
}

/// What keys and the palette ask for from outside.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) -> Option<Wish> {
    match action {
        Action::Shell => enter(ui, known, Kind::Shell),
        Action::Attach => enter(ui, known, Kind::Own),
        _ => enter(ui, known, Kind::Command),
    }
}
