//! The view with a screen: draws what changed, when it changed, and turns keys into commands.

mod real;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::{Position, Rect};
use tokio::sync::watch;
use tokio::time::Instant;

use self::real::{Real, Woken};
use super::alerts::{self, Alerts};
use super::aside::Asides;
use super::builds::Builds;
use super::kept::{Kept, Memory};
use super::keys::Keymap;
use super::layout::Pane;
use super::log_view::{COUNTED_AGAIN, Source};
use super::options::{Options, chosen_theme};
use super::pane::{self, Scene};
use super::terminal::{self, FrameWriter, Manner};
use super::theme::{Depth, Ground, Theme};
use super::typed::Typed;
use super::ui::{Mode, Mouse, Ui};
use super::update::{self, Known, Wish};
use super::{frame, heartbeat};
use crate::engine::{Command, Noticed, State, TerminalSize};
use crate::runtime::{Clock, Input, Shown, View};
use crate::story::HeldWatch;
use crate::telemetry::Telemetry;

/// Two frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(8);
/// Frames for new lines and requests alone are at least this far apart.
const TELEMETRY_FRAME: Duration = Duration::from_millis(33);

/// A view with a screen of any kind; [`Workbench::start`] makes one on the real terminal.
#[derive(Debug)]
pub struct Workbench<B: Backend = CrosstermBackend<FrameWriter>> {
    screen: Terminal<B>,
    real: Option<Real>,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    changes: watch::Receiver<u64>,
    /// Of the terminals inside services.
    terminals: watch::Receiver<u64>,
    theme: Theme,
    /// The theme is dark or light as the terminal is, until one is chosen by hand.
    follows_ground: bool,
    /// Whether the theme was chosen by hand, now or the last time.
    chose_theme: bool,
    ui: Ui,
    memory: Option<Memory>,
    builds: Builds,
    alerts: Alerts,
    asides: Asides,
    /// What there is to tell of requests that are held.
    held: HeldWatch,
    /// The session as it was shown last.
    state: Option<State>,
    /// What asks for a new frame.
    due: Due,
    drawn: Option<Drawn>,
    frames: u64,
    /// The room for what services say, as the engine was told last.
    room: Option<TerminalSize>,
}

/// What asks for a new frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Nothing.
    No,
    /// New lines, requests or samples.
    Telemetry,
    /// A key, or something happened.
    Now,
}

/// The frame that was drawn last.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    at: Instant,
    /// When it looks different by itself.
    stale: Option<Instant>,
}

/// The theme to begin with, and whether it was chosen by hand the last time: the one that is asked for, else the one that was
/// chosen then, else the one for the terminal.
///
/// # Errors
/// When the theme that is asked for is unknown.
fn first_theme(
    options: &Options,
    kept: &Kept,
    ground: Option<Ground>,
    depth: Depth,
) -> io::Result<(Theme, bool)> {
    let named = options.theme.as_deref();
    let kept = kept.theme.as_deref().filter(|_| named.is_none());
    if let Some(theme) = kept.and_then(|name| Theme::named(name, depth)) {
        return Ok((theme, true));
    }
    Ok((chosen_theme(named, ground, depth)?, false))
}

impl<B: Backend> Workbench<B> {
    /// A workbench on another screen than the real one: for tests and pictures. Events come through
    /// [`Workbench::hear`]. Without `options.theme` it is dark, and as many colours as possible are used.
    ///
    /// # Errors
    /// When the screen cannot tell its size, or the theme is unknown.
    pub fn on(
        backend: B,
        options: &Options,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> io::Result<Self> {
        let depth = if options.color {
            Depth::True
        } else {
            Depth::None
        };
        let kept = Kept::of_options(options);
        let (theme, chose_theme) = first_theme(options, &kept, None, depth)?;
        let screen = Terminal::new(backend).map_err(|wrong| io::Error::other(wrong.to_string()))?;
        let mouse = options.mouse && kept.mouse();
        let mut workbench = Self::with(screen, theme, mouse, telemetry, clock);
        workbench.chose_theme = chose_theme;
        workbench.furnish(options, kept);
        Ok(workbench)
    }

    fn with(
        screen: Terminal<B>,
        theme: Theme,
        mouse: bool,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> Self {
        let mouse = if mouse { Mouse::Ours } else { Mouse::Terminals };
        Self {
            screen,
            real: None,
            changes: telemetry.changes(),
            terminals: telemetry.terminals().changes(),
            telemetry,
            clock,
            theme,
            follows_ground: false,
            chose_theme: false,
            memory: None,
            ui: Ui::new(mouse),
            builds: Builds::default(),
            alerts: Alerts::default(),
            asides: Asides::default(),
            held: HeldWatch::default(),
            state: None,
            due: Due::Now,
            drawn: None,
            frames: 0,
            room: None,
        }
    }

    /// Lays it out as it was left the last time, and takes over a person's own keys.
    fn furnish(&mut self, options: &Options, kept: Kept) {
        kept.restore(&mut self.ui);
        self.memory = options.view().map(|file| Memory::new(file, kept));
        if let Some(folder) = &options.state {
            let wrong;
            (self.ui.typed, wrong) = Typed::in_folder(folder);
            self.ui.said = wrong.or(self.ui.said.take());
        }
        self.take_keys(options.keys.as_deref());
    }

    /// Remembers how the screen is now.
    fn keep(&mut self) {
        // A divider that is being moved is not there yet.
        if self.ui.held.is_some() {
            return;
        }
        let theme = self.chose_theme.then(|| self.theme.name.clone());
        let kept = Kept::of(&self.ui, theme);
        if let Some(memory) = &mut self.memory {
            memory.keep(kept);
        }
    }

    /// Takes over a person's own keys; what is wrong with them is told once, and stands in the help.
    fn take_keys(&mut self, file: Option<&Path>) {
        let Some(file) = file else {
            return;
        };
        self.ui.keymap = Keymap::from_file(file);
        self.ui.said = match self.ui.keymap.problems.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            [first, others @ ..] => {
                Some(format!("{first}; and {} more, which ? lists", others.len()))
            }
        };
    }

    /// The screen that is drawn on.
    pub fn backend(&self) -> &B {
        self.screen.backend()
    }

    /// The same, to change its size.
    pub fn backend_mut(&mut self) -> &mut B {
        self.screen.backend_mut()
    }

    /// The next [`View::show`] draws, however soon and whether or not something changed.
    pub fn draw_next(&mut self) {
        self.due = Due::Now;
        self.drawn = None;
    }

    /// How many frames were drawn.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes in one event of the terminal; a command, if it asks for one.
    pub fn hear(&mut self, event: &Event) -> Option<Command> {
        let before = std::mem::replace(&mut self.due, Due::Now);
        self.alerts.event(event);
        if matches!(event, Event::FocusGained) && self.follows_ground {
            // Terminals that do not tell by themselves may have become dark or light meanwhile.
            self.send(terminal::ask_ground());
        }
        let state = self.state.as_ref()?;
        let known = Known {
            state,
            telemetry: &self.telemetry,
            clock: &self.clock,
        };
        let wish = update::event(&mut self.ui, known, event);
        if std::mem::take(&mut self.ui.forwarded) {
            self.due = before;
        }
        self.keep();
        match wish? {
            Wish::Command(command) => return Some(command),
            Wish::Copy(text) => self.copy(text),
            Wish::ExportLines(export) => self.asides.export(*export, &self.telemetry),
            Wish::NextTheme => self.set_theme(self.theme.next()),
            Wish::Theme(name) => {
                if let Some(theme) = self.theme.other(&name) {
                    self.set_theme(theme);
                }
            }
            Wish::Mouse => self.send(&terminal::mouse(self.ui.mouse == Mouse::Ours)),
            Wish::ThemeOfTerminal => self.follow_ground(),
            Wish::Redraw => self.forget_screen(),
            Wish::Suspend => self.suspend(),
            Wish::Edit(task) => self.edit(&task),
        }
        None
    }

    /// The room for what services say, if the last frame gave it another size than the one before.
    fn new_room(&mut self) -> Option<TerminalSize> {
        let room = pane::logs::room(self.ui.layout.area(Pane::Logs)?);
        (self.room.replace(room) != Some(room)).then_some(room)
    }

    /// Whether a terminal inside a service is on the screen.
    fn is_inside(&self) -> bool {
        matches!(self.ui.mode, Mode::Inside(_))
    }

    fn set_theme(&mut self, theme: Theme) {
        self.ui.said = Some(format!("theme {}", theme.name));
        self.theme = theme;
        self.follows_ground = false;
        self.chose_theme = true;
        self.keep();
    }

    /// The theme is dark or light as the terminal is, from now on.
    fn follow_ground(&mut self) {
        self.chose_theme = false;
        self.follows_ground = self.real.is_some() && self.theme.has_colours();
        self.ui.said = Some("the theme is dark or light as the terminal is".into());
        self.theme = self.theme.on(Ground::Dark);
        if self.follows_ground {
            self.send(&terminal::follow_ground());
        }
        self.keep();
    }

    /// The terminal is dark or light from now on.
    fn turned(&mut self, ground: Ground) {
        let theme = self.theme.on(ground);
        if self.follows_ground && theme.name != self.theme.name {
            self.theme = theme;
            self.due = Due::Now;
        }
    }

    /// How the terminal is wanted at the moment.
    fn manner(&self) -> Manner {
        Manner {
            mouse: self.ui.mouse == Mouse::Ours,
            ground: self.follows_ground,
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if let Some(real) = &self.real {
            real.lane.add(bytes);
        }
    }

    /// Gives text to the terminal's clipboard, and to this machine's where that can be had.
    fn copy(&mut self, text: String) {
        self.send(&terminal::copy(&text));
        if self.real.is_some() {
            let said = self.ui.said.clone().unwrap_or_default();
            self.asides.copy(text, said);
        }
    }

    fn alert(&mut self, stack: &str, words: &str) {
        self.send(&alerts::bytes(stack, words, |name| {
            std::env::var(name).ok()
        }));
    }

    /// Everything is drawn again, whatever is believed to be on the screen.
    fn forget_screen(&mut self) {
        // Not `clear`: that asks the terminal where its cursor is, and the answer would go to the thread that reads keys.
        // A screen that cannot be cleared is drawn over.
        if let Ok(size) = self.screen.size() {
            drop(self.screen.resize(Rect::from((Position::ORIGIN, size))));
        }
        self.due = Due::Now;
    }

    /// What there is to tell now of requests that are held.
    fn held_requests(&mut self, now: crate::engine::Moment) -> Vec<Noticed> {
        let told = self
            .held
            .look(&self.telemetry.held(), std::time::Instant::now());
        let told = told.into_iter();
        told.map(|notice| Noticed { at: now, notice }).collect()
    }

    /// When to draw next, if nothing happens until then.
    fn wake(&self) -> Option<Instant> {
        if self.is_lent() || self.real.as_ref().is_some_and(|real| real.lost) {
            return None;
        }
        let stale = self.drawn.and_then(|drawn| drawn.stale);
        let held = self.held.next().map(Instant::from_std);
        let times = [self.next_frame(), stale, held];
        times.into_iter().flatten().min()
    }

    /// Draws the session if there is a reason to, and it is time.
    fn draw_if_due(&mut self, state: &State, now: crate::engine::Moment) {
        let at = Instant::now();
        if self.is_stale(at) {
            self.due = Due::Now;
        }
        if self.due == Due::No || self.is_too_early(at) {
            return;
        }
        let soon = self.draw(state, now);
        let period = heartbeat::period(state, &self.telemetry, &self.clock, now);
        self.drawn = Some(Drawn {
            at,
            stale: period.into_iter().chain(soon).min().map(|wait| at + wait),
        });
        self.due = Due::No;
    }

    fn is_stale(&self, at: Instant) -> bool {
        let stale = self.drawn.and_then(|drawn| drawn.stale);
        stale.is_some_and(|stale| stale <= at)
    }

    fn is_too_early(&self, at: Instant) -> bool {
        let busy = self
            .real
            .as_ref()
            .is_some_and(|real| real.lane.is_busy() || real.lost);
        busy || self.is_lent() || self.next_frame().is_some_and(|next| at < next)
    }

    /// When a frame that is due may be drawn; `None`: at once, or none is due.
    fn next_frame(&self) -> Option<Instant> {
        let drawn = self.drawn?;
        match self.due {
            Due::No => None,
            Due::Telemetry => Some(drawn.at + TELEMETRY_FRAME),
            Due::Now => Some(drawn.at + FRAME),
        }
    }

    /// Draws; after which time it should be done again, because something was left for later.
    fn draw(&mut self, state: &State, now: crate::engine::Moment) -> Option<Duration> {
        let services = self.ui.logs.services(self.ui.chosen.as_ref());
        let source = Source {
            telemetry: &self.telemetry,
            services: &services,
        };
        let count_again = self.ui.logs.count(source);
        let is_seen = self.ui.layout.area(Pane::Logs).is_some();
        let mut look_again = is_seen && self.ui.logs.look_further(source);
        let scene = Scene {
            state,
            telemetry: &self.telemetry,
            clock: &self.clock,
            now,
            theme: &self.theme,
        };
        let (ui, builds) = (&mut self.ui, &self.builds);
        let drawn = self.screen.draw(|frame| {
            let screen: Rect = frame.area();
            ui.layout = frame::arrange(screen, scene, ui);
            update::fit(ui, scene.telemetry);
            let rows = ui.rows(Pane::Traces);
            look_again |= ui.traces.refresh(scene, rows);
            if ui.focus == Pane::Timeline {
                let record = &mut ui.timeline.record;
                look_again |= record.count_errors(scene.telemetry, scene.clock);
            }
            frame::render(frame, scene, ui, builds);
        });
        let is_lost = drawn.is_err();
        self.frames += 1;
        if let Some(real) = &mut self.real {
            real.lane.commit();
            real.lost |= is_lost;
        }
        if look_again {
            // A filter looks at all that is kept, a step in each frame.
            return Some(TELEMETRY_FRAME);
        }
        let count_again = count_again.then_some(COUNTED_AGAIN);
        let axis = update::axis_moves(&self.ui, state, now);
        count_again.into_iter().chain(axis).min()
    }
}

impl<B: Backend> View for Workbench<B> {
    fn show(&mut self, shown: &Shown<'_>) {
        let held = self.held_requests(shown.clock.now());
        for noticed in held.iter().chain(shown.notices) {
            let told = self.ui.notices.hear(noticed, shown.state);
            let timeline = &mut self.ui.timeline.record;
            timeline.hear(noticed, told, shown.state);
            if self.builds.hear(noticed) || told.is_some() {
                self.due = Due::Now;
            }
            if let Some(words) = self.alerts.heard(&noticed.notice) {
                self.alert(&shown.state.stack.name, &words);
            }
            if let Some(words) = update::heard(&noticed.notice) {
                self.ui.said = Some(words);
                self.due = Due::Now;
            }
        }
        while let Some(words) = self.asides.try_hear() {
            self.say(words);
        }
        if self.state.as_ref() != Some(shown.state) {
            self.ui.settle(shown.state);
            if let Some(words) = self.alerts.settled(shown.state) {
                self.alert(&shown.state.stack.name, &words);
            }
            self.state = Some(shown.state.clone());
            self.due = Due::Now;
        }
        if self.changes.has_changed().unwrap_or(false) {
            self.changes.mark_unchanged();
            self.due = self.due.max(Due::Telemetry);
        }
        if self.is_inside() && self.terminals.has_changed().unwrap_or(false) {
            self.terminals.mark_unchanged();
            self.due = self.due.max(Due::Telemetry);
        }
        self.draw_if_due(shown.state, shown.clock.now());
    }

    fn lends_terminal(&self) -> bool {
        self.is_lent()
    }

    async fn next_input(&mut self) -> Input {
        if let Some(room) = self.new_room() {
            return Input::Command(Command::Resize(room));
        }
        loop {
            let woken = self.wait().await;
            match woken {
                Woken::Show | Woken::Back => return Input::Show,
                Woken::Quit if self.is_lent() => {}
                Woken::Quit => return Input::Command(Command::Quit),
                Woken::Continued => {
                    self.resume();
                    return Input::Show;
                }
                Woken::Resized => {
                    self.due = Due::Now;
                    return Input::Show;
                }
                Woken::Said(words) => {
                    self.say(words);
                    return Input::Show;
                }
                Woken::Heard(heard) => {
                    if let Some(input) = self.answer(heard) {
                        return input;
                    }
                }
            }
        }
    }
}

impl<B: Backend> Workbench<B> {
    fn say(&mut self, words: String) {
        self.ui.said = Some(words);
        self.due = Due::Now;
    }
}
