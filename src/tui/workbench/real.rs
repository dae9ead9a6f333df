//! The workbench on the real terminal: what comes from it, and who has it.

use std::io;
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep_until;

use super::{Due, Options, Workbench, first_theme};
use crate::engine::Command;
use crate::runtime::{Clock, Input};
use crate::telemetry::Telemetry;
use crate::text;
use crate::tui::editor::{Editor, Task};
use crate::tui::kept::Kept;
use crate::tui::terminal::{self, Ears, Editors, Heard, Lane, Manner};
use crate::tui::theme::{Depth, Theme};

/// The kernel's number of SIGCONT: this process goes on after it was stopped.
const CONTINUED: i32 = rustix::process::Signal::CONT.as_raw();

/// The real terminal's two lanes.
#[derive(Debug)]
pub(super) struct Real {
    pub(super) lane: Lane,
    ears: Ears,
    editors: Editors,
    continued: Signal,
    /// SIGWINCH: the terminal has another size.
    resized: Signal,
    /// SIGQUIT, once an editor had the terminal: what is typed there may send it to us, too.
    quit: Option<Signal>,
    /// Whether the end of the terminal was told.
    pub(super) lost: bool,
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
        let kept = Kept::of_options(options);
        let (theme, chose_theme) = first_theme(options, &kept, ground, depth)?;
        let manner = Manner {
            mouse: options.mouse && kept.mouse(),
            ground: options.theme.is_none() && !chose_theme && depth != Depth::None,
        };
        terminal::take(manner)?;
        let started = Self::on_terminal(theme, manner, telemetry, clock);
        match started {
            Ok(mut workbench) => {
                workbench.chose_theme = chose_theme;
                workbench.furnish(options, kept);
                Ok(workbench)
            }
            Err(error) => {
                terminal::restore();
                Err(error)
            }
        }
    }

    fn on_terminal(
        theme: Theme,
        manner: Manner,
        telemetry: Arc<Telemetry>,
        clock: Clock,
    ) -> io::Result<Self> {
        let (lane, writer) = Lane::open()?;
        let screen = Terminal::new(CrosstermBackend::new(writer))?;
        let mut workbench = Self::with(screen, theme, manner.mouse, telemetry, clock);
        workbench.follows_ground = manner.ground;
        workbench.real = Some(Real {
            lane,
            ears: Ears::open()?,
            editors: Editors::default(),
            quit: None,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            resized: signal(SignalKind::window_change())?,
            lost: false,
            stopped_itself: false,
        });
        Ok(workbench)
    }
}

impl<B: Backend> Workbench<B> {
    /// Whether another program has the terminal.
    pub(super) fn is_lent(&self) -> bool {
        let real = self.real.as_ref();
        real.is_some_and(|real| real.editors.have_terminal())
    }

    /// Opens something in the person's editor, which may have the terminal until it ends.
    pub(super) fn edit(&mut self, task: &Task) {
        self.due = Due::Now;
        let editor = match Editor::of_environment(|name| std::env::var(name).ok()) {
            Ok(editor) => editor,
            Err(wrong) => {
                self.ui.said = Some(wrong);
                return;
            }
        };
        let what = match task {
            Task::File(place) => format!("{}:{}", place.path.display(), place.line),
            Task::Text { line, .. } => format!("the lines, at line {line}"),
        };
        let what = text::plain(what.as_bytes());
        self.ui.said = Some(format!("{what}, in {}", editor.name));
        let Some(real) = &mut self.real else {
            return;
        };
        if editor.takes_terminal() {
            real.quit = real.quit.take().or_else(|| signal(SignalKind::quit()).ok());
            real.lane.settle();
            terminal::restore();
            real.ears.pause();
        }
        if let Err(wrong) = real.editors.open(&editor, task) {
            self.take_back(editor.takes_terminal(), Some(wrong));
        }
    }

    /// An editor ended, or never began: the terminal is ours again, if it was lent.
    fn take_back(&mut self, had_terminal: bool, said: Option<String>) {
        let manner = self.manner();
        if had_terminal || said.is_some() {
            self.ui.said = said;
        }
        self.due = Due::Now;
        let Some(real) = self.real.as_mut().filter(|_| had_terminal) else {
            return;
        };
        real.ears.resume();
        if terminal::take(manner).is_err() {
            real.lost = true;
        }
        self.forget_screen();
    }

    pub(super) fn suspend(&mut self) {
        let manner = self.manner();
        let Some(real) = &mut self.real else {
            return;
        };
        real.lane.settle();
        real.stopped_itself = true;
        if terminal::suspend(manner).is_err() {
            real.lost = true;
        }
        self.forget_screen();
    }

    /// The process was stopped from outside and goes on: the terminal is not as it was.
    pub(super) fn resume(&mut self) {
        if self.is_lent() {
            // Whoever has the terminal was stopped and goes on as well.
            return;
        }
        let real = self.real.as_mut();
        if real.is_some_and(|real| std::mem::take(&mut real.stopped_itself)) {
            return;
        }
        terminal::restore();
        if terminal::take(self.manner()).is_ok() {
            self.forget_screen();
        }
    }
}

/// Why the wait for input ended.
#[derive(Debug)]
pub(super) enum Woken {
    /// A frame is due.
    Show,
    /// The process was stopped and goes on.
    Continued,
    /// The terminal has another size.
    Resized,
    /// Another program has the terminal no more.
    Back,
    /// SIGQUIT.
    Quit,
    /// Something that was done beside the screen ended like this.
    Said(String),
    /// The terminal said something; `None`: never again.
    Heard(Option<Heard>),
}

impl<B: Backend> Workbench<B> {
    /// Waits for the first reason to do something. Nothing is lost if it is dropped: each source keeps what it has.
    pub(super) async fn wait(&mut self) -> Woken {
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
        let asked = &mut real.quit;
        let quit = async move {
            match asked {
                Some(quit) => quit.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(()) = real.resized.recv() => return Woken::Resized,
            ended = real.editors.next_end() => {
                self.take_back(ended.had_terminal, ended.said);
                return Woken::Back;
            }
            Some(()) = quit => return Woken::Quit,
            heard = real.ears.next(), if listening => return Woken::Heard(heard),
            Some(()) = real.continued.recv() => return Woken::Continued,
            () = real.lane.taken.notified(), if is_busy => return Woken::Show,
            () = at_wake => return Woken::Show,
            words = asides.hear() => return Woken::Said(words),
            () = told, if watching => {}
        }
        self.due = self.due.max(Due::Telemetry);
        Woken::Show
    }

    /// Takes in what the terminal said, and all that it said meanwhile.
    pub(super) fn answer(&mut self, heard: Option<Heard>) -> Option<Input> {
        let mut next = heard;
        loop {
            match next {
                None | Some(Heard::Lost) => {
                    if let Some(real) = &mut self.real {
                        real.lost = true;
                    }
                    return Some(Input::Command(Command::Quit));
                }
                Some(Heard::Ground(ground)) => self.turned(ground),
                Some(Heard::Event(event)) => {
                    if let Some(command) = self.hear(&event) {
                        return Some(Input::Command(command));
                    }
                }
            }
            let more = self.real.as_mut().and_then(|real| real.ears.try_next());
            if more.is_none() {
                return Some(Input::Show);
            }
            next = more;
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
