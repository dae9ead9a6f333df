//! What services say: the visible window of the log store, with times, levels, marks and hits.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::log_line::{message, said, wrapped};
use super::{Scene, log_bar, log_head};
use crate::engine::TerminalSize;
use crate::stack::ServiceName;
use crate::telemetry::{Level, LogLine, MarkKind, Position, Stream};
use crate::text;
use crate::tui::body;
use crate::tui::draw::{body_width, clip, empty, spans_width, title};
use crate::tui::layout::Pane;
use crate::tui::log_entries::{Entry, json_of};
use crate::tui::log_rows::{self, Slot};
use crate::tui::log_view::{Fold, Form, LogView, Scope, Source, Times, Window};
use crate::tui::theme::{Role, Theme};

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    view: &LogView,
    chosen: Option<&ServiceName>,
    focus: Pane,
) {
    let services = view.services(chosen);
    let source = Source {
        telemetry: scene.telemetry,
        services: &services,
    };
    let rows = usize::from(area.height.saturating_sub(1));
    let window = view.window(source, rows);
    let head = log_head::head(scene, view, chosen, &window);
    let mut body = title(frame, area, Pane::Logs, head, focus, scene.theme);
    body.width = body.width.saturating_sub(log_bar::columns(area.width));
    if window.entries.is_empty() {
        let words = log_head::why_empty(scene, view, chosen, window.partial);
        empty(frame, body, &words, scene.theme);
        return;
    }
    if log_bar::columns(area.width) > 0 {
        let bar = Rect {
            x: area.right() - 2,
            width: 2,
            ..body
        };
        log_bar::render(frame, bar, source, view, &window, scene.theme);
    }
    let names = scene.state.services.keys();
    let lines = Lines {
        scene,
        names: names
            .map(|name| text::width(name.as_str()))
            .max()
            .unwrap_or(0),
        view,
        room: usize::from(body.width),
    };
    for (drawn, row) in lines
        .fitting(&window, usize::from(body.height))
        .into_iter()
        .zip(body.rows())
    {
        let whole = Rect {
            x: area.x,
            width: area.width.saturating_sub(log_bar::columns(area.width)),
            ..row
        };
        if drawn.is_chosen {
            frame.render_widget(Block::new().style(scene.theme.selection()), whole);
        }
        let sign = match (drawn.is_marked, drawn.is_cursor) {
            (true, _) => "◆",
            (false, true) => "▸",
            (false, false) => "",
        };
        let first = Rect {
            width: 1.min(whole.width),
            ..whole
        };
        frame.render_widget(drawn.line, row);
        frame.render_widget(Span::styled(sign, scene.theme.style(Role::Accent)), first);
    }
}

/// The room that one line of a service has in this area, and how many lines: what its program should think it writes on.
/// Names of services, which only come when all are shown together, are not counted: they would change it all the time.
pub(in crate::tui) fn room(area: Rect) -> TerminalSize {
    let (_, time) = time_form(area.width);
    let before = time + SIGN + log_bar::columns(area.width);
    TerminalSize {
        columns: body_width(area.width).saturating_sub(before).max(1),
        rows: area.height.saturating_sub(1).max(1),
    }
}

/// Columns of the sign of a level, and the space after it.
const SIGN: u16 = 2;

/// How the time of a line is shown, as far as there is room for it, and how many columns that takes.
fn time_form(room: u16) -> (&'static str, u16) {
    match room {
        0..40 => ("", 0),
        40..64 => ("%H:%M:%S ", 9),
        _ => ("%H:%M:%S%.3f ", 13),
    }
}

/// How the lines of one frame are drawn.
struct Lines<'a> {
    scene: Scene<'a>,
    /// Columns of the longest name of a service.
    names: usize,
    view: &'a LogView,
    room: usize,
}

/// A row as it is drawn.
struct Drawn {
    line: Line<'static>,
    is_cursor: bool,
    /// Whether its ground is that of what is chosen.
    is_chosen: bool,
    /// Whether it was marked by hand.
    is_marked: bool,
}

impl Lines<'_> {
    /// The rows that fit, so that the cursor (or else the end) is seen.
    fn fitting(&self, window: &Window, height: usize) -> Vec<Drawn> {
        let slots = log_rows::slots(window);
        let cursor = log_rows::of_cursor(&slots, window);
        let chosen = self.chosen(window);
        let mut drawn = Vec::new();
        let mut rows_of_cursor = None;
        for (at, slot) in slots.iter().enumerate() {
            let first = drawn.len();
            match *slot {
                Slot::Gap { skipped, silence } => drawn.push(Drawn {
                    line: self.gap(skipped, silence),
                    is_cursor: false,
                    is_chosen: false,
                    is_marked: false,
                }),
                Slot::Row { entry, row } => {
                    let above = entry.checked_sub(1).map(|above| &window.entries[above]);
                    let entry = &window.entries[entry];
                    let is_cursor = Some(at) == cursor;
                    let is_chosen = is_cursor
                        || chosen.is_some_and(|(from, to)| (from..=to).contains(&entry.at));
                    let is_marked = row == 0 && self.view.marks.contains(&entry.at);
                    drawn.extend(self.row(entry, row, above).into_iter().map(|line| Drawn {
                        line,
                        is_cursor,
                        is_chosen,
                        is_marked,
                    }));
                }
            }
            if Some(at) == cursor {
                let below = window.cursor.map_or(0, |cursor| cursor.below);
                rows_of_cursor = Some((first, drawn.len() - 1, below));
            }
        }
        let first = log_rows::first(drawn.len(), height, rows_of_cursor);
        drawn.drain(..first);
        drawn.truncate(height);
        drawn
    }

    /// From where to where entries are chosen to be copied.
    fn chosen(&self, window: &Window) -> Option<(Position, Position)> {
        let anchor = self.view.anchor?;
        let cursor = window.entries.get(window.cursor?.entry)?.at;
        Some((anchor.min(cursor), anchor.max(cursor)))
    }

    fn row(&self, entry: &Entry, row: usize, above: Option<&Entry>) -> Vec<Line<'static>> {
        let line = entry.head();
        if let Stream::Mark(kind) = line.line.stream {
            return vec![self.mark(line, kind)];
        }
        if row > 0 {
            return self.below(entry, row);
        }
        let mut before = self.before(entry, above);
        let mut told = match (entry.lines.len(), entry.open) {
            (1, _) | (_, true) => said(line, self.view, self.view.form, self.scene.theme),
            (_, false) => self.told(entry),
        };
        let after = match entry.lines.len() {
            1 => Vec::new(),
            _ if entry.open => Vec::new(),
            lines => {
                let more = lines - 1;
                let words = format!("  +{more} {}", if more == 1 { "line" } else { "lines" });
                vec![Span::styled(words, self.scene.theme.style(Role::Dim))]
            }
        };
        if entry.is_context {
            self.recede(&mut before);
            self.recede(&mut told);
        }
        self.folded(before, told, after)
    }

    /// What tells most of several lines.
    fn told(&self, entry: &Entry) -> Vec<Span<'static>> {
        let mut told = Vec::new();
        for at in entry.telling() {
            if !told.is_empty() {
                told.push(Span::styled(" · ", self.scene.theme.style(Role::Dim)));
            }
            told.extend(message(&entry.lines[at], self.view, self.scene.theme));
        }
        told
    }

    /// A row of an entry that is shown in full, below its first.
    fn below(&self, entry: &Entry, row: usize) -> Vec<Line<'static>> {
        let theme = self.scene.theme;
        let indent = spans_width(&self.before(entry, None)).saturating_sub(2);
        let before = vec![
            Span::raw(" ".repeat(indent)),
            Span::styled("│ ", theme.style(Role::Border)),
        ];
        let told = if let Some(line) = entry.lines.get(row) {
            said(line, self.view, Form::Raw, theme)
        } else {
            let json = json_of(entry.head());
            let pieces = json.and_then(|json| body::json(&json).into_iter().nth(row - 1));
            let pieces = pieces.unwrap_or_default().into_iter();
            let styled = |(role, piece)| Span::styled(piece, theme.style(role));
            pieces.map(styled).collect()
        };
        let mut told: Vec<_> = told;
        if entry.is_context {
            self.recede(&mut told);
        }
        self.folded(before, told, Vec::new())
    }

    /// Draws what is shown only for the sake of what is around it.
    fn recede(&self, spans: &mut [Span<'static>]) {
        let dim = self.scene.theme.style(Role::Dim).not_bold();
        for span in spans {
            // What is searched for is seen here too.
            if span.style.bg.is_none() && !span.style.add_modifier.contains(Modifier::REVERSED) {
                span.style = dim;
            }
        }
    }

    /// What is said, cut or wrapped behind what stands before it; what stands after it is always seen.
    fn folded(
        &self,
        before: Vec<Span<'static>>,
        told: Vec<Span<'static>>,
        after: Vec<Span<'static>>,
    ) -> Vec<Line<'static>> {
        let room = self.room.saturating_sub(spans_width(&before)).max(1);
        match self.view.fold {
            Fold::Cut => {
                let mut spans = before;
                spans.extend(clip(told, room.saturating_sub(spans_width(&after))));
                spans.extend(clip(after, room));
                vec![Line::from(spans)]
            }
            Fold::Wrap => {
                let indent = Span::raw(" ".repeat(spans_width(&before)));
                let told = told.into_iter().chain(after).collect();
                let mut wrapped = wrapped(told, room).into_iter();
                let mut first = before;
                first.extend(wrapped.next().unwrap_or_default());
                let rest = wrapped.map(|spans| {
                    let mut row = vec![indent.clone()];
                    row.extend(spans);
                    Line::from(row)
                });
                std::iter::once(Line::from(first)).chain(rest).collect()
            }
        }
    }

    /// Lines that were left out, or a silence.
    fn gap(&self, skipped: u64, silence: Option<Duration>) -> Line<'static> {
        let silence = silence.map(text::duration);
        let lines = match skipped {
            1 => "1 line".to_owned(),
            many => format!("{many} lines"),
        };
        let words = match (skipped, silence) {
            (0, silence) => format!("— {} —", silence.unwrap_or_default()),
            (_, None) => format!("⋯ {lines} ⋯"),
            (_, Some(silence)) => format!("⋯ {lines}, {silence} ⋯"),
        };
        let before = (self.room.saturating_sub(text::width(&words))) / 2;
        let spans = vec![
            Span::raw(" ".repeat(before)),
            Span::styled(words, self.scene.theme.style(Role::Dim)),
        ];
        Line::from(clip(spans, self.room))
    }

    /// Time, service and level, as far as there is room.
    fn before(&self, entry: &Entry, above: Option<&Entry>) -> Vec<Span<'static>> {
        let (theme, line) = (self.scene.theme, entry.head());
        let mut spans = Vec::new();
        if let Some(time) = self.time(line, above) {
            spans.push(Span::styled(time, theme.style(Role::Dim)));
        }
        if self.view.scope == Scope::Merged {
            let name = &line.line.service;
            let place = self.scene.state.services.get_index_of(name).unwrap_or(0);
            let columns = self.names.min(self.room / 5);
            let name = format!("{} ", text::pad(name.as_str(), columns));
            spans.push(Span::styled(name, theme.series(place)));
        }
        spans.push(sign(entry, theme));
        spans.push(Span::raw(" "));
        spans
    }

    /// When it was said, or how long after what is above.
    fn time(&self, line: &LogLine, above: Option<&Entry>) -> Option<String> {
        let (form, columns) = time_form(u16::try_from(self.room).unwrap_or(u16::MAX));
        match self.view.times {
            Times::Clock if form.is_empty() => None,
            Times::Clock => Some(
                self.scene
                    .clock
                    .local(line.line.at)
                    .strftime(form)
                    .to_string(),
            ),
            Times::Since if columns == 0 => None,
            Times::Since => {
                let since = above.and_then(|above| {
                    let last = above.lines.last()?.line.at;
                    Duration::try_from(line.line.at.duration_since(last)).ok()
                });
                let words =
                    since.map_or(String::new(), |since| format!("+{}", text::duration(since)));
                Some(format!("{words:>8} "))
            }
            Times::Hidden => None,
        }
    }

    /// A rule across the pane with what began or ended there.
    fn mark(&self, line: &LogLine, kind: MarkKind) -> Line<'static> {
        let theme = self.scene.theme;
        let at = self
            .scene
            .clock
            .local(line.line.at)
            .strftime("%H:%M:%S")
            .to_string();
        let role = match kind {
            MarkKind::Started => Role::Busy,
            MarkKind::Live => Role::Ready,
            MarkKind::Ended => Role::Waiting,
            MarkKind::Checked => Role::Accent,
        };
        let mut words = text::plain(&line.line.bytes);
        if words.is_empty() {
            let what = match kind {
                MarkKind::Started => "begins",
                MarkKind::Live => "is live",
                MarkKind::Ended => "has ended",
                MarkKind::Checked => "was checked",
            };
            words = format!("run #{} {what}", line.line.run);
        }
        if self.view.scope == Scope::Merged {
            words = format!("{}: {words}", line.line.service);
        }
        let spans = clip(
            vec![
                Span::styled("── ", theme.style(Role::Border)),
                Span::styled(format!("{at} "), theme.style(Role::Dim)),
                Span::styled(words, theme.style(role)),
                Span::raw(" "),
            ],
            self.room,
        );
        let rest = self.room - spans_width(&spans);
        let mut line = Line::from(spans);
        line.push_span(Span::styled("─".repeat(rest), theme.style(Role::Border)));
        line
    }
}

/// One letter for the level, so that colour is not needed to see it; a dot for standard error.
fn sign(entry: &Entry, theme: &Theme) -> Span<'static> {
    let level = entry.lines.iter().filter_map(|line| line.level).max();
    match (level, entry.head().line.stream) {
        (Some(Level::Fatal), _) => Span::styled("F", theme.style(Role::Error).bold()),
        (Some(Level::Error), _) => Span::styled("E", theme.style(Role::Error).bold()),
        (Some(Level::Warn), _) => Span::styled("W", theme.style(Role::Warn).bold()),
        (_, Stream::Stderr) => Span::styled("·", theme.style(Role::Dim)),
        (Some(Level::Info), _) => Span::styled(" ", theme.style(Role::Info)),
        _ => Span::raw(" "),
    }
}
