//! Keys about edits: whether they are acted upon at once, and what applies those that wait.

use super::Wish;
use crate::engine::{Command, State};
use crate::stack::WatchMode;
use crate::tui::keys::Action;
use crate::tui::ui::Ui;

/// Does what such a key asks for.
pub(super) fn act(ui: &mut Ui, state: &State, action: Action) -> Option<Wish> {
    match action {
        Action::Hold => Some(hold(ui, state)),
        Action::EditMode => mode(ui, state),
        Action::Apply => apply(ui, state),
        _ => apply_all(ui, state),
    }
}

/// Edits of all services wait from now on, or wait no longer.
fn hold(ui: &mut Ui, state: &State) -> Wish {
    let on = state.hold.is_none();
    let said = if on {
        "edits wait from now on; u applies them, p ends the hold"
    } else {
        "edits are acted upon again"
    };
    ui.said = Some(said.into());
    Wish::Command(Command::Hold { on })
}

/// Edits of the chosen service are acted upon at once, or by hand.
fn mode(ui: &mut Ui, state: &State) -> Option<Wish> {
    let service = ui.service(state)?;
    let name = service.service.name.clone();
    let (mode, said) = match service.mode {
        WatchMode::Auto => (
            WatchMode::Manual,
            format!("{name}: edits wait until u applies them"),
        ),
        WatchMode::Manual => (
            WatchMode::Auto,
            format!("{name}: edits are acted upon at once"),
        ),
    };
    ui.said = Some(said);
    let service = name;
    Some(Wish::Command(Command::SetMode { service, mode }))
}

/// Applies what waits of the chosen service; of all, if nothing of it does.
fn apply(ui: &mut Ui, state: &State) -> Option<Wish> {
    let service = ui.service(state)?;
    if service.waiting.is_none() {
        return apply_all(ui, state);
    }
    let name = service.service.name.clone();
    ui.said = Some(format!("applying the edits of {name}"));
    let service = Some(name);
    Some(Wish::Command(Command::Flush { service }))
}

/// Applies whatever waits.
fn apply_all(ui: &mut Ui, state: &State) -> Option<Wish> {
    let any = state
        .services
        .values()
        .any(|service| service.waiting.is_some());
    if !any && state.waiting_stack.is_none() {
        ui.said = Some("no edits wait".into());
        return None;
    }
    ui.said = Some("applying all edits that wait".into());
    Some(Wish::Command(Command::Flush { service: None }))
}
