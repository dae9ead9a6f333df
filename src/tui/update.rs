//! What keys and the mouse do: the screen's own state is changed here and nowhere else.

mod details;
mod editor;
mod edits;
mod faults;
mod inside;
mod layout;
mod logs;
mod mouse;
mod named;
mod repeat;
mod timeline;
mod traces;
mod typing;
mod whole;

pub(super) use inside::fit;
pub(super) use named::Past;
pub(super) use repeat::heard;
pub(super) use timeline::axis_moves;

use crossterm::event::{Event, KeyEvent, KeyEventKind};

use crate::engine::{BuildState, Command, Phase, State, Wanted};
use crate::runtime::Clock;
use crate::telemetry::{Direction, Telemetry};

use super::editor::Task;
use super::keys::{self, Action};
use super::layout::Pane;
use super::log_export::Export;
use super::log_view::{Fold, Scope, Source};
use super::palette::{self, Entry};
use super::prompt::Line;
use super::trace_view::moved;
use super::ui::{Mode, Mouse, Shared, Ui, Zoom};

/// What the screen itself cannot do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    /// Something for the engine.
    Command(Command),
    /// Log lines for a file.
    ExportLines(Box<Export>),
    /// Text for the clipboard.
    Copy(String),
    /// Another theme.
    NextTheme,
    /// The theme of this name.
    Theme(String),
    /// The theme for the terminal, dark or light as that is.
    ThemeOfTerminal,
    /// The mouse changed hands.
    Mouse,
    /// Draw everything again.
    Redraw,
    /// Back to the shell.
    Suspend,
    /// Open this in the person's editor.
    Edit(Task),
}

/// What is known while a key is answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) state: &'a State,
    pub(super) telemetry: &'a Telemetry,
    pub(super) clock: &'a Clock,
}

/// Takes in an event of the terminal.
pub(super) fn event(ui: &mut Ui, known: Known<'_>, event: &Event) -> Option<Wish> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => self::key(ui, known, *key),
        Event::Mouse(mouse) if matches!(ui.mode, Mode::Inside(_)) => {
            inside::mouse(ui, known, *mouse)
        }
        Event::Mouse(mouse) => mouse::answer(ui, known, *mouse),
        Event::Paste(text) => {
            paste(ui, known, text);
            None
        }
        _ => None,
    }
}

fn key(ui: &mut Ui, known: Known<'_>, key: KeyEvent) -> Option<Wish> {
    if matches!(ui.mode, Mode::Inside(_)) {
        return inside::key(ui, known, key);
    }
    ui.said = None;
    let name = keys::key_name(key);
    if inside::after_leaving(ui, known, name.as_deref().unwrap_or_default()) {
        return None;
    }
    if let Some(action) = name.and_then(|name| ui.keymap.action(&name, ui.places())) {
        return act(ui, known, action);
    }
    match &mut ui.mode {
        Mode::Typing(typing) => {
            if typing.line.key(key) {
                named::changed(typing);
                typing::typed(ui, known);
            }
        }
        Mode::Palette { line, chosen } | Mode::Named { line, chosen } => {
            if line.key(key) {
                *chosen = 0;
            }
        }
        Mode::Panes | Mode::Help { .. } | Mode::Inside(_) => {}
    }
    None
}

fn paste(ui: &mut Ui, known: Known<'_>, text: &str) {
    match &mut ui.mode {
        Mode::Typing(typing) => {
            typing.line.insert(text);
            named::changed(typing);
            typing::typed(ui, known);
        }
        Mode::Palette { line, chosen } | Mode::Named { line, chosen } => {
            line.insert(text);
            *chosen = 0;
        }
        Mode::Inside(key) => {
            let key = key.clone();
            inside::paste(ui, known, &key, text);
        }
        Mode::Panes | Mode::Help { .. } => {}
    }
}

/// Does what a key, the palette or a click asks for.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) -> Option<Wish> {
    match whole::act(ui, known, action) {
        whole::Answer::Done(wish) => wish,
        whole::Answer::None => act_anywhere(ui, known, action),
    }
}

fn act_anywhere(ui: &mut Ui, known: Known<'_>, action: Action) -> Option<Wish> {
    match action {
        Action::Up | Action::Down => step(ui, known, by_one(action == Action::Down)),
        Action::PageUp | Action::PageDown => page(ui, known, by_one(action == Action::PageDown)),
        Action::Top | Action::Bottom => to_end(ui, known, action == Action::Top),
        Action::Left | Action::Right => scroll_sideways(ui, action == Action::Right),
        Action::NextPane | Action::PreviousPane => next_pane(ui, action == Action::NextPane),
        Action::Focus(pane) => focus(ui, pane),
        Action::Map => traces::map(ui),
        Action::Details | Action::OtherService(_) => details::act(ui, known, action),
        Action::Zoom | Action::NextLayout | Action::Divider(_) => layout::act(ui, action),
        Action::Back => back(ui, known),
        Action::Open => open(ui, known),
        Action::Search => typing::search(ui),
        Action::NextHit | Action::PreviousHit => hit(ui, known, action == Action::NextHit),
        Action::Filter => typing::filter(ui),
        Action::Problems => problems(ui),
        Action::ToTime
        | Action::ExportLines
        | Action::FoldAll
        | Action::UnfoldAll
        | Action::Turn
        | Action::Raw
        | Action::Times
        | Action::NextError
        | Action::PreviousError
        | Action::NextMark
        | Action::PreviousMark
        | Action::MarkLine
        | Action::MoreContext
        | Action::LessContext
        | Action::Choose => logs::act(ui, known, action),
        Action::MarkService => logs::mark_service(ui),
        Action::Fold
        | Action::Unfold
        | Action::Lines
        | Action::ToLogs
        | Action::MarkOrCompare
        | Action::BeforeAndAfter
        | Action::Probes => traces::act(ui, known, action),
        Action::Faults => faults::ask(ui, known),
        Action::Shell | Action::Attach | Action::RunCommand => {
            return inside::act(ui, known, action);
        }
        Action::Axis(_) | Action::Leave | Action::EndInside => {}
        Action::Merge | Action::Wrap => how_lines_stand(ui, action),
        Action::Palette => ui.mode = palette(),
        Action::Older | Action::Newer | Action::GiveName | Action::Named | Action::Forget => {
            named::act(ui, known, action);
        }
        Action::Help => ui.mode = Mode::Help { scrolled: 0 },
        Action::Submit => return submit(ui, known),
        Action::Edit => return editor::open(ui, known),
        Action::Copy => return copy(ui, known),
        Action::CopyCurl | Action::SendAgain | Action::SaveCheck | Action::Export => {
            return repeat::act(ui, known, action);
        }
        Action::Restart | Action::Rebuild | Action::StopOrStart => {
            return of_the_service(ui, known.state, action);
        }
        Action::Solo => return Some(solo(known.state)),
        Action::Hold | Action::EditMode | Action::Apply | Action::ApplyAll => {
            return edits::act(ui, known.state, action);
        }
        Action::Mouse => return Some(give_mouse(ui)),
        Action::NextTheme | Action::Redraw | Action::Suspend => return of_the_terminal(action),
        Action::Quit | Action::Interrupt => return Some(Wish::Command(end(known.state, action))),
    }
    None
}

fn by_one(down: bool) -> isize {
    if down { 1 } else { -1 }
}

fn how_lines_stand(ui: &mut Ui, action: Action) {
    if action == Action::Merge {
        merge(ui);
    } else {
        wrap(ui);
    }
}

fn of_the_service(ui: &mut Ui, state: &State, action: Action) -> Option<Wish> {
    match action {
        Action::Rebuild => rebuild(ui, state),
        Action::StopOrStart => stop_or_start(ui, state),
        _ => command(ui, |service| Command::Restart { service }),
    }
}

fn of_the_terminal(action: Action) -> Option<Wish> {
    match action {
        Action::NextTheme => Some(Wish::NextTheme),
        Action::Redraw => Some(Wish::Redraw),
        Action::Suspend => Some(Wish::Suspend),
        _ => None,
    }
}

fn solo(state: &State) -> Wish {
    let on = !state.solo.on;
    Wish::Command(Command::Solo { on })
}

/// An interrupt stops everything the first time, and kills while that is under way.
fn end(state: &State, action: Action) -> Command {
    match state.phase {
        Phase::Stopping { .. } | Phase::Ended if action == Action::Interrupt => Command::Kill,
        Phase::Running | Phase::Stopping { .. } | Phase::Ended => Command::Quit,
    }
}

fn palette() -> Mode {
    Mode::Palette {
        line: Line::default(),
        chosen: 0,
    }
}

fn log_source<'a>(known: Known<'a>, services: &'a [crate::stack::ServiceName]) -> Source<'a> {
    Source {
        telemetry: known.telemetry,
        services,
    }
}

fn step(ui: &mut Ui, known: Known<'_>, by: isize) {
    match &mut ui.mode {
        Mode::Help { scrolled } => *scrolled = scrolled.saturating_add_signed(by),
        Mode::Palette { line, chosen } => {
            *chosen = moved(
                *chosen,
                by,
                palette::found(line.text(), known.state, &ui.keymap, &ui.typed).len(),
            );
        }
        Mode::Named { line, chosen } => {
            *chosen = moved(*chosen, by, palette::named(line.text(), &ui.typed).len());
        }
        Mode::Typing(_) | Mode::Inside(_) => {}
        Mode::Panes => move_in(ui, known, ui.focus, by, false),
    }
}

fn page(ui: &mut Ui, known: Known<'_>, pages: isize) {
    let rows = isize::try_from(ui.rows(ui.focus).saturating_sub(1).max(1)).unwrap_or(1);
    match &mut ui.mode {
        Mode::Help { scrolled } => *scrolled = scrolled.saturating_add_signed(pages * 10),
        Mode::Panes => move_in(ui, known, ui.focus, pages * rows, true),
        Mode::Typing(_) | Mode::Palette { .. } | Mode::Named { .. } | Mode::Inside(_) => {}
    }
}

/// Moves the cursor of a pane; `scroll`: the window with it.
fn move_in(ui: &mut Ui, known: Known<'_>, pane: Pane, by: isize, scroll: bool) {
    match pane {
        Pane::Services => {
            let at = moved(ui.index(known.state), by, known.state.services.len());
            ui.choose(known.state, at);
        }
        Pane::Logs => {
            let services = ui.logs.services(ui.chosen.as_ref());
            let (source, rows) = (log_source(known, &services), ui.rows(Pane::Logs));
            if by < 0 {
                ui.logs.up(source, by.unsigned_abs(), rows, scroll);
            } else {
                ui.logs.down(source, by.unsigned_abs(), rows, scroll);
            }
        }
        Pane::Traces => traces::go(ui, known, by),
        Pane::Details => details::go(ui, known, by),
        Pane::Timeline | Pane::Notices => whole::go(ui, known, pane, by),
        Pane::Health => ui.health_scrolled = ui.health_scrolled.saturating_add_signed(by),
        Pane::Build => ui.build_scrolled = ui.build_scrolled.saturating_add_signed(by),
    }
}

fn to_end(ui: &mut Ui, known: Known<'_>, top: bool) {
    if let Mode::Help { scrolled } = &mut ui.mode {
        *scrolled = if top { 0 } else { usize::MAX };
        return;
    }
    if ui.focus == Pane::Logs {
        let services = ui.logs.services(ui.chosen.as_ref());
        if top {
            let rows = ui.rows(Pane::Logs);
            ui.logs.top(log_source(known, &services), rows);
        } else {
            ui.logs.follow();
        }
        return;
    }
    let far = isize::try_from(u32::MAX).unwrap_or(isize::MAX);
    move_in(ui, known, ui.focus, if top { -far } else { far }, false);
}

fn next_pane(ui: &mut Ui, forward: bool) {
    let by = if forward { 1 } else { Pane::ALL.len() - 1 };
    let at = Pane::ALL.iter().position(|pane| *pane == ui.focus);
    // From a pane that has the whole screen it goes on where the person was before.
    let before = ui.trail.began_in().filter(|pane| !pane.is_whole());
    let next = at.map(|at| Pane::ALL[(at + by) % Pane::ALL.len()]);
    ui.go_to(next.or(before).unwrap_or(Pane::Services));
}

fn scroll_sideways(ui: &mut Ui, right: bool) {
    let left = ui.logs.left;
    ui.logs.left = if right {
        (left + 8).min(10_000)
    } else {
        left.saturating_sub(8)
    };
}

/// One step back: what was opened last closes first.
fn back(ui: &mut Ui, known: Known<'_>) {
    match std::mem::take(&mut ui.mode) {
        Mode::Typing(typing) => typing::cancel(ui, known, &typing),
        Mode::Palette { .. } | Mode::Named { .. } | Mode::Help { .. } | Mode::Inside(_) => {}
        Mode::Panes => back_in_panes(ui, known.state),
    }
}

/// What was opened within the pane closes first; then the last jump is gone back; then come panes that nothing led to.
fn back_in_panes(ui: &mut Ui, state: &State) {
    if details::back(ui) || traces::back(ui) || logs::back(ui) || ui.return_back(state) {
        return;
    }
    if traces::to_list(ui) {
        return;
    }
    if ui.zoom == Zoom::Alone {
        ui.zoom = ui.unzoomed;
    } else if ui.focus == Pane::Logs && ui.logs.place != super::log_view::Place::Following {
        ui.logs.follow();
    } else {
        ui.shared = Shared::Logs;
        ui.focus = Pane::Services;
    }
}

fn open(ui: &mut Ui, known: Known<'_>) {
    match ui.focus {
        Pane::Traces => traces::open(ui, known.telemetry),
        Pane::Details => details::open(ui, known),
        Pane::Logs => traces::from_line(ui, known),
        Pane::Services => {
            let service = ui.service(known.state);
            let failed =
                service.is_some_and(|service| matches!(service.build, BuildState::Failed { .. }));
            ui.go_to(if failed { Pane::Build } else { Pane::Logs });
        }
        Pane::Health | Pane::Build | Pane::Timeline | Pane::Notices => {}
    }
}

/// Moves the focus; the traces are the list of them, whatever was shown in its place but an open one.
fn focus(ui: &mut Ui, pane: Pane) {
    if pane == Pane::Traces {
        traces::close_map(ui);
    }
    ui.go_to(pane);
}

fn submit(ui: &mut Ui, known: Known<'_>) -> Option<Wish> {
    match std::mem::take(&mut ui.mode) {
        Mode::Typing(typing) => typing::submit(ui, known, typing),
        Mode::Palette { line, chosen } => {
            let mut found = palette::found(line.text(), known.state, &ui.keymap, &ui.typed);
            let chosen = (chosen < found.len()).then(|| found.swap_remove(chosen));
            perform(ui, known, chosen?.entry)
        }
        Mode::Named { line, chosen } => {
            let mut found = palette::named(line.text(), &ui.typed);
            let chosen = (chosen < found.len()).then(|| found.swap_remove(chosen));
            perform(ui, known, chosen?.entry)
        }
        other => {
            ui.mode = other;
            None
        }
    }
}

/// Does what a row of the palette, or of the list of filters, stands for.
fn perform(ui: &mut Ui, known: Known<'_>, entry: Entry) -> Option<Wish> {
    match entry {
        Entry::Action(action) => return act(ui, known, action),
        Entry::Service(name) => {
            let at = known.state.services.get_index_of(&name)?;
            ui.choose(known.state, at);
        }
        Entry::Theme(name) => return Some(Wish::Theme(name)),
        Entry::ThemeOfTerminal => return Some(Wish::ThemeOfTerminal),
        Entry::Named(named) => named::apply(ui, known, &named),
    }
    None
}

fn hit(ui: &mut Ui, known: Known<'_>, forward: bool) {
    let direction = logs::direction(forward);
    if let Mode::Typing(typing) = &ui.mode
        && !named::has_hits(&typing.what)
    {
        named::go(ui, known, !forward);
        return;
    }
    if ui.focus == Pane::Traces && ui.traces.open().is_some() {
        traces::hit(ui, direction);
        return;
    }
    if ui.focus == Pane::Details {
        details::hit(ui, known, forward);
        return;
    }
    let services = ui.logs.services(ui.chosen.as_ref());
    let rows = ui.rows(Pane::Logs);
    if ui.logs.searching.is_none() {
        ui.said = Some("nothing is searched for; / begins".into());
    } else if !ui
        .logs
        .go_to_hit(log_source(known, &services), direction, rows)
    {
        ui.said = Some(match direction {
            Direction::Forward => "no later hit".into(),
            Direction::Back => "no earlier hit".into(),
        });
    }
}

/// Only what went wrong, or everything again.
fn problems(ui: &mut Ui) {
    const LINES: &str = "level>=warn";
    const REQUESTS: &str = "status>=500";
    let outcome = if ui.focus == Pane::Traces {
        let is_on = ui.traces.filtered() == REQUESTS;
        ui.traces.set_filter(if is_on { "" } else { REQUESTS })
    } else {
        let is_on = ui.logs.shown.typed() == LINES;
        ui.logs.set_filter(if is_on { "" } else { LINES })
    };
    ui.said = outcome.err();
}

fn merge(ui: &mut Ui) {
    ui.logs.scope = match ui.logs.scope {
        Scope::Chosen => Scope::Merged,
        Scope::Merged => Scope::Chosen,
    };
    ui.logs.follow();
}

fn wrap(ui: &mut Ui) {
    ui.logs.left = 0;
    ui.logs.fold = match ui.logs.fold {
        Fold::Cut => Fold::Wrap,
        Fold::Wrap => Fold::Cut,
    };
}

fn copy(ui: &mut Ui, known: Known<'_>) -> Option<Wish> {
    let text = match ui.focus {
        Pane::Traces => ui.traces.current()?.to_string(),
        Pane::Details => return details::copy(ui, known),
        _ => return logs::copy(ui, known),
    };
    ui.said = Some(format!(
        "copied: {}",
        crate::text::truncate(&text, 200, "…")
    ));
    Some(Wish::Copy(text))
}

fn command(ui: &mut Ui, make: impl Fn(crate::stack::ServiceName) -> Command) -> Option<Wish> {
    let service = ui.chosen.clone()?;
    let command = make(service.clone());
    ui.said = match &command {
        Command::Restart { .. } => Some(format!("restarting {service}")),
        Command::Rebuild { .. } => Some(format!("rebuilding {service}")),
        Command::Stop { .. } => Some(format!("stopping {service}")),
        Command::Start { .. } => Some(format!("starting {service}")),
        Command::Hold { .. }
        | Command::SetMode { .. }
        | Command::Flush { .. }
        | Command::SetFault { .. }
        | Command::ClearFaults { .. }
        | Command::Solo { .. }
        | Command::Replay { .. }
        | Command::SaveCheck { .. }
        | Command::Export { .. }
        | Command::GoInside { .. }
        | Command::Quit
        | Command::Kill
        | Command::Resize(_) => None,
    };
    Some(Wish::Command(command))
}

fn rebuild(ui: &mut Ui, state: &State) -> Option<Wish> {
    let service = ui.service(state)?;
    if service.service.build.is_none() {
        ui.said = Some(format!(
            "{} has no build; r restarts it",
            service.service.name
        ));
        return None;
    }
    command(ui, |service| Command::Rebuild { service })
}

fn stop_or_start(ui: &mut Ui, state: &State) -> Option<Wish> {
    let service = ui.service(state)?;
    let ended = service.completed.is_some() && service.runs.is_empty();
    if service.wanted == Wanted::Up && !ended {
        command(ui, |service| Command::Stop { service })
    } else {
        command(ui, |service| Command::Start { service })
    }
}

fn give_mouse(ui: &mut Ui) -> Wish {
    let (mouse, said) = match ui.mouse {
        Mouse::Ours => (
            Mouse::Terminals,
            "the mouse selects text now; m takes it back",
        ),
        Mouse::Terminals => (Mouse::Ours, "the mouse works here again"),
    };
    ui.mouse = mouse;
    ui.said = Some(said.into());
    Wish::Mouse
}
