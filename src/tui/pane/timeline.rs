//! What happened to each service, on one axis of time.

mod axis;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::Scene;
use super::log_line::wrapped;
use crate::engine::{Moment, ServiceState, State};
use crate::stack::ServiceName;
use crate::text;
use crate::tui::bins::{self, Sign, Window, merged};
use crate::tui::draw::{Title, clip, empty, lines, spans_width, title};
use crate::tui::layout::{Pane, top};
use crate::tui::startup::Path;
use crate::tui::theme::{Role, Theme};
use crate::tui::timeline::{Event, Row, What};
use crate::tui::timeline_view::TimelineView;
use crate::tui::trace_view::first_shown;
use crate::tui::words;

/// Names take at most so many columns.
const WIDEST_NAME: usize = 14;
/// Lower than this there is no room for a legend.
const WITH_LEGEND: u16 = 14;
/// Where so many rows are told in words, legend and path may take two each.
const WITH_SECOND_LINES: usize = 5;

/// Columns before the axis in an area of this width: mark, symbol, name and a space.
fn gutter(state: &State, width: u16) -> u16 {
    let names = state.services.keys();
    let name = names.map(|name| text::width(name.as_str())).max();
    let name = name.unwrap_or(0).min(WIDEST_NAME);
    let name = u16::try_from(name).unwrap_or(0).min(width / 3);
    name + 4
}

/// The part of the pane's area in which the axis is, from its left edge on.
pub(in crate::tui) fn axis_in(area: Rect, state: &State) -> Rect {
    // As `title` has it: a column of nothing at the left, and one at the right where there is room.
    let (left, right) = (u16::from(area.width > 2), u16::from(area.width > 24));
    let body = Rect {
        x: area.x + left,
        width: area.width - left - right,
        ..area
    };
    let gutter = gutter(state, body.width).min(body.width);
    Rect {
        x: body.x + gutter,
        width: body.width - gutter,
        ..body
    }
}

/// Which rows of the pane's area are those of which service: how many lines stand above, how many each has, and the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Places {
    pub(in crate::tui) first: usize,
    pub(in crate::tui) lanes: usize,
    pub(in crate::tui) shown: usize,
}

/// How services are placed in so many rows.
pub(in crate::tui) fn places(rows: usize, services: usize, chosen: usize) -> Places {
    let lanes = if services * 2 <= rows { 2 } else { 1 };
    let shown = (rows / lanes).max(1);
    Places {
        first: first_shown(chosen, shown, services),
        lanes,
        shown,
    }
}

/// Rows of the pane's area that services are drawn in: below the title and the axis, above what is told in words.
pub(in crate::tui) fn rows(height: u16) -> u16 {
    let body = height.saturating_sub(1);
    let words = match body {
        0..4 => 0,
        4..7 => 1,
        7..WITH_LEGEND => 2,
        WITH_LEGEND..20 => 3,
        _ => 5,
    };
    body.saturating_sub(1 + words)
}

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    view: &TimelineView,
    chosen: usize,
    focus: Pane,
) {
    let theme = scene.theme;
    let axis = axis_in(area, scene.state);
    let window = view.window(scene.now, usize::from(axis.width));
    let body = title(
        frame,
        area,
        Pane::Timeline,
        head(view, window, theme),
        focus,
        theme,
    );
    if scene.state.services.is_empty() {
        empty(frame, body, "The stack has no services.", theme);
        return;
    }
    let path = view.record.start.path(&scene.state.stack);
    let (scale, rest) = top(body, 1);
    let scale = Rect {
        x: axis.x,
        width: axis.width.min(scale.right().saturating_sub(axis.x)),
        ..scale
    };
    let labels = axis::line(scene.clock, window);
    frame.render_widget(Span::styled(labels, theme.style(Role::Dim)), scale);
    let (rows_area, words_area) = top(rest, rows(area.height));
    let drawn = Drawn {
        scene,
        view,
        window,
        path: path.as_ref(),
        gutter: usize::from(axis.x - body.x),
    };
    drawn.services(frame, rows_area, chosen, area);
    drawn.words(frame, words_area, chosen);
}

fn head<'a>(view: &TimelineView, window: Window, theme: &Theme) -> Title<'a> {
    let wide = text::duration(window.until().since(window.from));
    let of = Span::styled(format!("{wide} wide"), theme.style(Role::Dim));
    let note = if view.is_following() {
        Span::styled("follows now", theme.style(Role::Dim))
    } else {
        Span::styled("stands still, G follows now", theme.style(Role::Waiting))
    };
    Title {
        of: vec![of],
        note: vec![note],
    }
}

/// The letter of a sign, and what it means: every one has its own shape, so that colour is never needed to tell them
/// apart.
fn looks(sign: Sign) -> (&'static str, Role) {
    match sign {
        Sign::Nothing => (" ", Role::Text),
        Sign::Wait => ("·", Role::Waiting),
        Sign::Ready => ("▂", Role::Ready),
        Sign::Starting => ("▄", Role::Accent),
        Sign::Unhealthy => ("▒", Role::Failed),
        Sign::Build => ("▆", Role::Busy),
        Sign::Held => ("‖", Role::Waiting),
        Sign::Live => ("✓", Role::Ready),
        Sign::Saved => ("▾", Role::Strong),
        Sign::Errors => ("e", Role::Error),
        Sign::ManyErrors => ("E", Role::Error),
        Sign::Failed => ("✗", Role::Failed),
    }
}

const LEGEND: [(Sign, &str); 11] = [
    (Sign::Wait, "waits"),
    (Sign::Starting, "starting"),
    (Sign::Ready, "ready"),
    (Sign::Unhealthy, "not healthy"),
    (Sign::Build, "build"),
    (Sign::Failed, "failed"),
    (Sign::Saved, "saved"),
    (Sign::Live, "live"),
    (Sign::Errors, "errors"),
    (Sign::ManyErrors, "ten or more"),
    (Sign::Held, "requests held"),
];

/// What a frame of the timeline is drawn from.
struct Drawn<'a> {
    scene: Scene<'a>,
    view: &'a TimelineView,
    window: Window,
    path: Option<&'a Path>,
    gutter: usize,
}

impl Drawn<'_> {
    fn services(&self, frame: &mut Frame<'_>, area: Rect, chosen: usize, whole: Rect) {
        let services = &self.scene.state.services;
        let height = usize::from(area.height);
        let places = places(height, services.len(), chosen);
        let shown = services.iter().enumerate().skip(places.first);
        let mut rows = area.rows();
        for (place, (name, service)) in shown.take(places.shown) {
            let is_chosen = place == chosen;
            for line in self.service(name, service, place, is_chosen, places.lanes) {
                let Some(row) = rows.next() else {
                    return;
                };
                if is_chosen {
                    let ground = Rect {
                        x: whole.x,
                        width: whole.width,
                        ..row
                    };
                    let style = self.scene.theme.selection();
                    frame.render_widget(Block::new().style(style), ground);
                }
                frame.render_widget(line, row);
            }
        }
    }

    /// A service in one lane, or two.
    fn service(
        &self,
        name: &ServiceName,
        service: &ServiceState,
        place: usize,
        is_chosen: bool,
        lanes: usize,
    ) -> Vec<Line<'static>> {
        let nothing = Row::default();
        let row = self.view.record.row(name).unwrap_or(&nothing);
        let drawn = bins::lanes(row, self.window, self.scene.now);
        let front = self.front(name, service, place, is_chosen);
        let waited = self.link_columns(name);
        if lanes < 2 {
            let mut line = front;
            line.extend(self.lane(&merged(&drawn), &[], waited, is_chosen));
            return vec![Line::from(line)];
        }
        let mut upper = vec![Span::raw(" ".repeat(self.gutter))];
        upper.extend(self.lane(&drawn.upper, &drawn.failed_builds, None, is_chosen));
        let mut lower = front;
        lower.extend(self.lane(&drawn.lower, &[], waited, is_chosen));
        vec![Line::from(upper), Line::from(lower)]
    }

    fn front(
        &self,
        name: &ServiceName,
        service: &ServiceState,
        place: usize,
        is_chosen: bool,
    ) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let on_path = self.link(name).is_some();
        let status = service.status();
        let mark = match (is_chosen, on_path) {
            (true, _) => "▸",
            (false, true) => "»",
            (false, false) => " ",
        };
        let mut style = theme.series(place);
        if on_path {
            style = style.bold();
        }
        let room = self.gutter.saturating_sub(4);
        vec![
            Span::styled(mark, theme.style(Role::Accent)),
            Span::styled(words::symbol(status), theme.status(status)),
            Span::raw(" "),
            Span::styled(text::pad(name.as_str(), room), style),
            Span::raw(" "),
        ]
    }

    fn link(&self, name: &ServiceName) -> Option<&crate::tui::startup::Link> {
        let links = self.path?.links.iter();
        links.into_iter().find(|link| link.service == *name)
    }

    /// The columns of the service's own part of what the start waited for.
    fn link_columns(&self, name: &ServiceName) -> Option<(usize, usize)> {
        let link = self.link(name)?;
        let from = self.window.column_of(link.from.max(self.window.from))?;
        let until = self.window.column_of(link.until);
        let is_over = link.until < self.window.from;
        (!is_over).then(|| (from, until.unwrap_or(self.window.columns)))
    }

    /// One lane: signs, `failed` in words behind builds that did, the path in bold, and the cursor.
    fn lane(
        &self,
        signs: &[Sign],
        failed: &[usize],
        link: Option<(usize, usize)>,
        is_chosen: bool,
    ) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let mut cells: Vec<(&str, Style)> = Vec::with_capacity(signs.len());
        for (at, sign) in signs.iter().enumerate() {
            let (letter, role) = looks(*sign);
            let mut style = theme.style(role);
            if link.is_some_and(|(from, until)| (from..=until).contains(&at)) {
                style = style.bold().underlined();
            }
            cells.push((letter, style));
        }
        for at in failed {
            const WORD: [&str; 7] = [" ", "f", "a", "i", "l", "e", "d"];
            let behind = signs.get(at + 1..at + 2 + WORD.len());
            let is_free = |signs: &[Sign]| signs.iter().all(|sign| *sign == Sign::Nothing);
            if behind.is_some_and(is_free) {
                for (cell, letter) in cells[at + 1..].iter_mut().zip(WORD) {
                    *cell = (letter, theme.style(Role::Failed));
                }
            }
        }
        let cursor = self.view.cursor().filter(|_| is_chosen);
        let cursor = cursor.and_then(|at| self.window.column_of(at));
        if let Some((_, style)) = cursor.and_then(|at| cells.get_mut(at)) {
            *style = style.reversed();
        }
        joined(cells)
    }

    /// What the signs mean, what the start waited for, and what stands at the cursor.
    fn words(&self, frame: &mut Frame<'_>, area: Rect, chosen: usize) {
        let theme = self.scene.theme;
        let room = usize::from(area.width);
        let height = usize::from(area.height);
        let mut told = vec![Line::from(clip(self.at_cursor(chosen), room))];
        let most = if height >= WITH_SECOND_LINES { 2 } else { 1 };
        let mut path = wrapped(clip(self.path_words(), room * most), room.max(1));
        path.truncate(most);
        told.splice(0..0, path.into_iter().map(Line::from));
        let legend = legend(theme, room, most).into_iter();
        told.splice(0..0, legend.map(Line::from));
        let missing = height.saturating_sub(told.len());
        let above = told.len().saturating_sub(height);
        let (_, area) = top(area, u16::try_from(missing).unwrap_or(0));
        lines(frame, area, told.into_iter().skip(above));
    }

    fn path_words(&self) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let style = theme.style(Role::Text).bold();
        match self.path {
            Some(path) => vec![
                Span::styled("» ", theme.style(Role::Accent)),
                Span::styled(path.words(), style),
            ],
            None => vec![Span::styled("No service has become ready yet.", style)],
        }
    }

    /// What stands at the cursor of the chosen service.
    fn at_cursor(&self, chosen: usize) -> Vec<Span<'static>> {
        let theme = self.scene.theme;
        let dim = theme.style(Role::Dim);
        let Some((name, _)) = self.scene.state.services.get_index(chosen) else {
            return Vec::new();
        };
        let name_style = theme.series(chosen).bold();
        let nothing = Row::default();
        let row = self.view.record.row(name).unwrap_or(&nothing);
        let Some(at) = self.view.cursor() else {
            let words = if row.events.is_empty() && row.errors.is_empty() {
                ": nothing has happened to it yet"
            } else {
                ": left and right go from event to event"
            };
            return vec![
                Span::styled(name.to_string(), name_style),
                Span::styled(words, dim),
            ];
        };
        let (errors, events) = bins::at(row, self.window, at, self.scene.now);
        let time = self.scene.clock.zoned(at).strftime("%H:%M:%S%.3f ");
        let mut spans = vec![
            Span::styled(time.to_string(), dim),
            Span::styled(format!("{name} "), name_style),
        ];
        let mut told: Vec<String> = Vec::new();
        match errors {
            0 => {}
            1 => told.push("1 error in its logs".into()),
            count => told.push(format!("{count} errors in its logs")),
        }
        told.extend(events.iter().map(|event| {
            let tells = matches!(event.what, What::Wait | What::Unhealthy(_) | What::Held);
            let took = event.until.map(|until| until.since(event.from));
            let apart = apart(event, self.window, at);
            match took.filter(|_| tells) {
                Some(took) => format!("{apart}{} ({})", event.words, text::duration(took)),
                None => format!("{apart}{}", event.words),
            }
        }));
        if told.is_empty() {
            spans.push(Span::styled("nothing here", dim));
        }
        spans.push(Span::styled(told.join(" · "), theme.style(Role::Text)));
        spans
    }
}

/// How long before or after the cursor's own moment something began (or failed) that stands in the same column, which may
/// be much time; nothing of what only goes on there.
fn apart(event: &Event, window: Window, at: Moment) -> String {
    let failed = matches!(event.what, What::Build { failed: true, .. });
    let seen = event.until.filter(|_| failed).unwrap_or(event.from);
    let here = Window {
        from: at,
        columns: 1,
        ..window
    };
    if here.column_of(seen).is_none() {
        return String::new();
    }
    match (seen.since(at), at.since(seen)) {
        (Duration::ZERO, Duration::ZERO) => String::new(),
        (Duration::ZERO, before) => format!("{} earlier: ", text::duration(before)),
        (after, _) => format!("{} later: ", text::duration(after)),
    }
}

/// What the signs mean, in at most so many lines.
fn legend<'a>(theme: &Theme, room: usize, most: usize) -> Vec<Vec<Span<'a>>> {
    let mut rows: Vec<Vec<Span<'a>>> = vec![Vec::new()];
    for (sign, word) in LEGEND {
        let (letter, role) = looks(sign);
        let next = [
            Span::styled(letter, theme.style(role)),
            Span::styled(format!(" {word}  "), theme.style(Role::Dim)),
        ];
        let taken = rows.last().map_or(0, |row| spans_width(row));
        if taken + spans_width(&next) > room {
            if rows.len() >= most {
                break;
            }
            rows.push(Vec::new());
        }
        if let Some(row) = rows.last_mut() {
            row.extend(next);
        }
    }
    rows
}

/// Cells of one style after another as one span.
fn joined(cells: Vec<(&str, Style)>) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (letter, style) in cells {
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(letter),
            _ => spans.push(Span::styled(letter.to_owned(), style)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_has_its_own_shape() {
        let mut letters: Vec<&str> = LEGEND.iter().map(|(sign, _)| looks(*sign).0).collect();
        assert!(letters.iter().all(|letter| text::width(letter) == 1));
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), LEGEND.len());
    }

    #[test]
    fn two_lanes_where_there_is_room() {
        assert_eq!(places(20, 5, 0).lanes, 2);
        assert_eq!(places(20, 12, 0).lanes, 1);
        let many = places(10, 57, 56);
        assert_eq!((many.lanes, many.first + many.shown), (1, 57));
    }
}
