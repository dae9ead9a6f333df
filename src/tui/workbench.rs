//! The view with a screen: draws what changed, when it changed, and turns keys into commands.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::{Position, Rect};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::alerts::{self, Alerts};
use super::aside::Asides;
use super::builds::Builds;
use super::layout::Pane;
use super::log_view::{COUNTED_AGAIN, Source};
use super::options::{Options, chosen_theme};
use super::pane::{self, Scene};
use super::terminal::{self, FrameWriter, Heard, Lane};
use super::theme::{Depth, Theme};
use super::typed::Typed;
use super::ui::{Mode, Mouse, Ui};
use super::update::{self, Known, Wish};
use super::{frame, heartbeat};
use crate::engine::{Command, Noticed, State, TerminalSize};
use crate::runtime::{Clock, Input, Shown, View};
use crate::story::HeldWatch;
use crate::telemetry::Telemetry;

/// Two frames are at least this far apart.
const FRAME: Duration = Duration::from_millis(16);
/// Frames for new lines and requests alone are at least this far apart.
const TELEMETRY_FRAME: Duration = Duration::from_millis(33);
/// The kernel's number of SIGCONT: this process goes on after it was stopped.
const CONTINUED: i32 = rustix::process::Signal::CONT.as_raw();

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
    ui: Ui,
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

/// The real terminal's two lanes.
#[derive(Debug)]
struct Real {
    lane: Lane,
    heard: mpsc::UnboundedReceiver<Heard>,
    continued: Signal,
    /// Whether the end of the terminal was told.
    lost: bool,
    /// Whether the next SIGCONT ends a stop that we asked for, after which all is well already.
    stopped_itself: bool,
}

impl Workbench {
    /// Takes the terminal and paints its ground; the first [`View::show`] draws at once. To be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// When standard output is no terminal, when the theme is unknown, or when the terminal or a thread cannot be had.
    pub fn start(options: &Options, telemetry: Arc<Telemetry>, clock: Clock) -> io::Result<Self> {
        let depth = terminal::depth(options.color);
        let ground = terminal::ground();
        let theme = chosen_theme(options.theme.as_deref(), ground, depth)?;
        let ask = options.theme.is_none() && ground.is_none() && depth != Depth::None;
        terminal::take(options.mouse)?;
        let started = Self::on_terminal(theme, options.mouse, ask, telemetry, clock);
        if started.is_err() {
            terminal::restore();
        }
        started.map(|started| started.remembering(options.state.as_deref()))
    }

    fn on_terminal(
        theme: Theme,
        mouse: bool,
        ask: bool,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> io::Result<Self> {
        let (lane, writer) = Lane::open()?;
        let screen = Terminal::new(CrosstermBackend::new(writer))?;
        let mut workbench = Self::with(screen, theme, mouse, telemetry, clock);
        workbench.real = Some(Real {
            lane,
            heard: terminal::listen(ask)?,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            lost: false,
            stopped_itself: false,
        });
        Ok(workbench)
    }
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
        let theme = chosen_theme(options.theme.as_deref(), None, depth)?;
        let screen = Terminal::new(backend).map_err(|wrong| io::Error::other(wrong.to_string()))?;
        let workbench = Self::with(screen, theme, options.mouse, telemetry, clock);
        Ok(workbench.remembering(options.state.as_deref()))
    }

    /// The same, with what was typed in earlier sessions.
    fn remembering(mut self, folder: Option<&Path>) -> Self {
        if let Some(folder) = folder {
            (self.ui.typed, self.ui.said) = Typed::in_folder(folder);
        }
        self
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
            Wish::Redraw => self.forget_screen(),
            Wish::Suspend => self.suspend(),
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

    fn suspend(&mut self) {
        let Some(real) = &mut self.real else {
            return;
        };
        real.lane.settle();
        real.stopped_itself = true;
        if terminal::suspend(self.ui.mouse == Mouse::Ours).is_err() {
            real.lost = true;
        }
        self.forget_screen();
    }

    /// The process was stopped from outside and goes on: the terminal is not as it was.
    fn resume(&mut self) {
        let real = self.real.as_mut();
        if real.is_some_and(|real| std::mem::take(&mut real.stopped_itself)) {
            return;
        }
        terminal::restore();
        if terminal::take(self.ui.mouse == Mouse::Ours).is_ok() {
            self.forget_screen();
        }
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
        busy || self.next_frame().is_some_and(|next| at < next)
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

    async fn next_input(&mut self) -> Input {
        if let Some(room) = self.new_room() {
            return Input::Command(Command::Resize(room));
        }
        loop {
            let woken = self.wait().await;
            match woken {
                Woken::Show => return Input::Show,
                Woken::Continued => {
                    self.resume();
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

/// Why the wait for input ended.
#[derive(Debug)]
enum Woken {
    /// A frame is due.
    Show,
    /// The process was stopped and goes on.
    Continued,
    /// Something that was done beside the screen ended like this.
    Said(String),
    /// The terminal said something; `None`: never again.
    Heard(Option<Heard>),
}

impl<B: Backend> Workbench<B> {
    /// Waits for the first reason to do something. Nothing is lost if it is dropped: each source keeps what it has.
    async fn wait(&mut self) -> Woken {
        let wake = self.wake();
        let watching = self.due == Due::No;
        let is_busy = self.real.as_ref().is_some_and(|real| real.lane.is_busy());
        let at_wake = async {
            match wake {
                Some(wake) if !is_busy => sleep_until(wake).await,
                _ => std::future::pending().await,
            }
        };
        let is_inside = self.is_inside();
        let (changes, terminals) = (&mut self.changes, &mut self.terminals);
        let asides = &mut self.asides;
        let told = async {
            // The stores outlive the view, so their senders are never gone.
            tokio::select! {
                Ok(()) = changes.changed() => {}
                Ok(()) = terminals.changed(), if is_inside => {}
                else => std::future::pending::<()>().await,
            }
        };
        let Some(real) = &mut self.real else {
            tokio::select! {
                () = at_wake => return Woken::Show,
                words = asides.hear() => return Woken::Said(words),
                () = told, if watching => {}
            }
            self.due = self.due.max(Due::Telemetry);
            return Woken::Show;
        };
        if real.lane.is_lost() && !real.lost {
            return Woken::Heard(None);
        }
        let listening = !real.lost;
        tokio::select! {
            biased;
            heard = real.heard.recv(), if listening => return Woken::Heard(heard),
            Some(()) = real.continued.recv() => return Woken::Continued,
            () = real.lane.taken.notified(), if is_busy => return Woken::Show,
            () = at_wake => return Woken::Show,
            words = asides.hear() => return Woken::Said(words),
            () = told, if watching => {}
        }
        self.due = self.due.max(Due::Telemetry);
        Woken::Show
    }

    fn say(&mut self, words: String) {
        self.ui.said = Some(words);
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
        if self.real.as_ref().is_some_and(|real| real.lost) {
            return None;
        }
        let stale = self.drawn.and_then(|drawn| drawn.stale);
        let held = self.held.next().map(Instant::from_std);
        let times = [self.next_frame(), stale, held];
        times.into_iter().flatten().min()
    }

    /// Takes in what the terminal said, and all that it said meanwhile.
    fn answer(&mut self, heard: Option<Heard>) -> Option<Input> {
        let mut next = heard;
        loop {
            match next {
                None | Some(Heard::Lost) => {
                    if let Some(real) = &mut self.real {
                        real.lost = true;
                    }
                    return Some(Input::Command(Command::Quit));
                }
                Some(Heard::Ground(ground)) => {
                    self.theme = self.theme.on(ground);
                    self.due = Due::Now;
                }
                Some(Heard::Event(event)) => {
                    if let Some(command) = self.hear(&event) {
                        return Some(Input::Command(command));
                    }
                }
            }
            match self.real.as_mut().map(|real| real.heard.try_recv()) {
                Some(Ok(more)) => next = Some(more),
                _ => return Some(Input::Show),
            }
        }
    }
}

impl<B: Backend> Drop for Workbench<B> {
    fn drop(&mut self) {
        if let Some(real) = &self.real {
            real.lane.settle();
            terminal::restore();
        }
    }
}
