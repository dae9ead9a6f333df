//! A workbench on a screen in memory, its keys, and what the screen says.

use boatyard::engine::Command;
use boatyard::runtime::{Shown, View};
use boatyard::tui::{Options, Workbench};
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};

use crate::fixture::Scene;

/// A session and the workbench that shows it.
pub(crate) struct Desk {
    pub(crate) scene: Scene,
    pub(crate) workbench: Workbench<TestBackend>,
    told: bool,
}

impl Desk {
    /// A desk of this size, as it looks at first.
    pub(crate) fn new(scene: Scene, width: u16, height: u16) -> Self {
        Self::with(scene, width, height, &Options::default())
    }

    /// The same, with these options.
    pub(crate) fn with(scene: Scene, width: u16, height: u16, options: &Options) -> Self {
        let backend = TestBackend::new(width, height);
        let (telemetry, clock) = (scene.telemetry.clone(), scene.clock.clone());
        let workbench = Workbench::on(backend, options, telemetry, clock).expect("a workbench");
        let mut desk = Self {
            scene,
            workbench,
            told: false,
        };
        desk.show();
        desk
    }

    /// Shows the session, as the loop does after every event.
    pub(crate) fn show(&mut self) {
        let notices = if self.told {
            &[][..]
        } else {
            &self.scene.notices
        };
        self.workbench.show(&Shown {
            state: &self.scene.state,
            notices,
            telemetry: &self.scene.telemetry,
            clock: &self.scene.clock,
        });
        self.told = true;
    }

    /// Shows the session with the notices that its scene has now.
    pub(crate) fn tell_again(&mut self) {
        self.told = false;
        self.redraw();
    }

    /// Shows the session, at once.
    pub(crate) fn redraw(&mut self) {
        self.workbench.draw_next();
        self.show();
    }

    /// Presses keys, in words with spaces between; what the last of them asked the engine for.
    pub(crate) fn press(&mut self, keys: &str) -> Option<Command> {
        let mut asked = None;
        for key in keys.split_whitespace() {
            asked = self.workbench.hear(&Event::Key(named(key)));
            self.redraw();
        }
        asked
    }

    /// Clicks, or turns the wheel.
    pub(crate) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.workbench.hear(&Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }));
        self.redraw();
    }

    /// Clicks on the first place where this stands.
    pub(crate) fn click(&mut self, words: &str) {
        let (column, row) = self
            .find(words)
            .unwrap_or_else(|| panic!("no `{words}` on\n{}", self.text()));
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        self.workbench.backend().buffer()
    }

    /// The screen as text. Ages change while a test runs: their digits are not told.
    pub(crate) fn text(&self) -> String {
        let ages = regex::Regex::new(r"\b\d\.\d s\b").expect("a right pattern");
        ages.replace_all(&self.plain(), "#.# s").into_owned()
    }

    /// The screen as text, ages too: of a scene in which none changes.
    pub(crate) fn exact(&self) -> String {
        self.plain()
    }

    fn plain(&self) -> String {
        let buffer = self.buffer();
        let rows = buffer.area.rows();
        let row = |row: ratatui::layout::Rect| {
            let mut text = String::new();
            let mut covered = 0;
            for at in row.left()..row.right() {
                let symbol = buffer[(at, row.y)].symbol();
                // What lies below a wide letter is not on the screen, whatever was there before.
                if covered > 0 {
                    covered -= 1;
                    continue;
                }
                text.push_str(symbol);
                covered = boatyard::text::width(symbol).saturating_sub(1);
            }
            text.trim_end().to_owned() + "\n"
        };
        rows.map(row).collect()
    }

    /// Where this stands first.
    pub(crate) fn find(&self, words: &str) -> Option<(u16, u16)> {
        let text = self.plain();
        text.lines().zip(0..).find_map(|(line, row)| {
            let at = line.find(words)?;
            let column = boatyard::text::width(&line[..at]);
            Some((u16::try_from(column).ok()?, row))
        })
    }

    /// The cell where this stands first.
    pub(crate) fn cell(&self, words: &str) -> &Cell {
        let place = self
            .find(words)
            .unwrap_or_else(|| panic!("no `{words}` on\n{}", self.text()));
        &self.buffer()[place]
    }
}

fn named(key: &str) -> KeyEvent {
    let (key, modifiers) = match key.strip_prefix("ctrl-") {
        Some(rest) => (rest, KeyModifiers::CONTROL),
        None => (key, KeyModifiers::NONE),
    };
    let code = match key {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "backspace" => KeyCode::Backspace,
        one => KeyCode::Char(one.chars().next().expect("a key")),
    };
    KeyEvent::new(code, modifiers)
}
