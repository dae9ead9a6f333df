//! Where everything stands on the screen: one pure function of its size.

pub(super) mod divide;

use ratatui::layout::Rect;

use self::divide::{Divider, Dividers, Grip};
use super::ui::{Shared, Zoom};

/// One pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Pane {
    /// The services and what each is at.
    Services,
    /// What they say.
    Logs,
    /// What they do to each other.
    Traces,
    /// How the chosen one is.
    Health,
    /// How its image is made.
    Build,
    /// All about it, and what all use. It has no place of its own.
    Details,
    /// What happened when.
    Timeline,
    /// All that was told in the session.
    Notices,
}

impl Pane {
    /// The panes that stand beside each other, in the order of their numbers.
    pub(super) const ALL: [Self; 5] = [
        Self::Services,
        Self::Logs,
        Self::Traces,
        Self::Health,
        Self::Build,
    ];

    /// Those that have the whole screen whenever they are looked at.
    pub(super) const WHOLE: [Self; 2] = [Self::Timeline, Self::Notices];

    /// Its name.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Services => "Services",
            Self::Logs => "Logs",
            Self::Traces => "Traces",
            Self::Health => "Health",
            Self::Build => "Build",
            Self::Details => "Details",
            Self::Timeline => "Timeline",
            Self::Notices => "Notices",
        }
    }

    /// Its number, which is its key.
    pub(super) fn number(self) -> usize {
        match self {
            Self::Services => 1,
            Self::Logs => 2,
            Self::Traces => 3,
            Self::Health => 4,
            Self::Build => 5,
            Self::Details => 7,
            Self::Timeline => 8,
            Self::Notices => 9,
        }
    }

    /// Whether it has the whole screen whenever it is looked at.
    pub(super) fn is_whole(self) -> bool {
        Self::WHOLE.contains(&self)
    }
}

/// What the layout depends on besides the size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The pane that is worked in.
    pub(super) focus: Pane,
    /// Which panes are wanted.
    pub(super) zoom: Zoom,
    /// Where the person put what divides them.
    pub(super) dividers: Dividers,
    /// What stands where the logs are, where there is no room for both.
    pub(super) upper: Shared,
    /// How many services there are.
    pub(super) services: u16,
    /// Lines wanted between header and panes, for what must not be missed.
    pub(super) banner: u16,
    /// Whether somebody is inside a service, in a terminal.
    pub(super) inside: bool,
}

/// Where everything stands. Areas never overlap; those of no use are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Layout {
    pub(super) header: Rect,
    pub(super) banner: Rect,
    /// Names of all panes in one line, where one pane is shown at a time.
    pub(super) tabs: Rect,
    pub(super) panes: Vec<(Pane, Rect)>,
    /// Where the terminal inside a service is, if somebody is there.
    pub(super) inside: Rect,
    pub(super) footer: Rect,
    /// What divides panes, and can be moved.
    pub(super) grips: Vec<Grip>,
}

impl Layout {
    /// The area of a pane, if it is shown.
    pub(super) fn area(&self, pane: Pane) -> Option<Rect> {
        let mut panes = self.panes.iter();
        panes
            .find(|(shown, _)| *shown == pane)
            .map(|(_, area)| *area)
    }

    /// The pane at this place.
    pub(super) fn pane_at(&self, column: u16, row: u16) -> Option<Pane> {
        let inside = |area: Rect| area.contains((column, row).into());
        let mut panes = self.panes.iter();
        panes.find(|(_, area)| inside(*area)).map(|(pane, _)| *pane)
    }
}

/// At least this high: space between what stands above each other.
const ROOMY: u16 = 30;
/// At least this wide: two columns.
const WIDE: u16 = 100;
/// Narrower or lower than this: one pane at a time.
const SMALL: (u16, u16) = (70, 18);
/// As wide as terminals are at least.
const TERMINAL: u16 = 80;
/// At least this many rows below the services and the health: the build gets a place of its own.
const ROOM_FOR_BUILD: u16 = 7;
/// Rows of the health pane when there is room: its title and what it has to say.
const HEALTH: u16 = 11;

/// ```text
///  wide (100 columns and more)          middle (70 to 99)                 small, zoomed, whole
/// ┌──────────────────────────────────┐ ┌───────────────────────────────┐ ┌────────────────────┐
/// │ header                           │ │ header                        │ │ header             │
/// ├──────────────┬───────────────────┤ ├───────────────┬───────────────┤ │ tabs               │
/// │ Services     │ Logs              │ │ Services      │ Health        │ ├────────────────────┤
/// │              │                   │ ├───────────────┴───────────────┤ │ the one in focus   │
/// ├──────────────┤                   │ │ Logs (or Build)               │ │                    │
/// │ Health       ├───────────────────┤ │                               │ │                    │
/// ├──────────────┤ Traces            │ ├───────────────────────────────┤ │                    │
/// │ Build        │                   │ │ Traces                        │ │                    │
/// ├──────────────┴───────────────────┤ ├───────────────────────────────┤ ├────────────────────┤
/// │ footer                           │ │ footer                        │ │ footer             │
/// └──────────────────────────────────┘ └───────────────────────────────┘ └────────────────────┘
/// ```
///
/// In the focus layout only the services stand beside (or, where it is narrow, above) the pane in focus.
pub(super) fn layout(screen: Rect, wish: Wish) -> Layout {
    let (header, rest) = top(screen, 1);
    let (footer, rest) = bottom(rest, u16::from(screen.height > 3));
    let (banner, rest) = top(rest, wish.banner.min(rest.height / 3));
    let space = u16::from(screen.height >= ROOMY);
    let (_, rest) = top(rest, space);
    let mut layout = Layout {
        header,
        banner,
        footer,
        ..Layout::default()
    };
    if wish.inside {
        (layout.panes, layout.inside) = inside(rest, wish);
    } else if wish.zoom == Zoom::Alone
        || wish.focus.is_whole()
        || screen.width < SMALL.0
        || screen.height < SMALL.1
    {
        let (tabs, body) = top(rest, u16::from(rest.height > 2));
        layout.tabs = tabs;
        layout.panes.push((wish.focus, body));
    } else {
        (layout.panes, layout.grips) = match (wish.zoom, screen.width < WIDE) {
            (Zoom::Focus, is_narrow) => focused(rest, wish, is_narrow),
            (_, true) => middle(rest, wish),
            (_, false) => wide(rest, wish),
        };
    }
    layout.panes.retain(|(_, area)| !area.is_empty());
    layout
}

type Divided = (Vec<(Pane, Rect)>, Vec<Grip>);

/// A terminal takes the right column where it is as wide as terminals are, else all there is.
fn inside(body: Rect, wish: Wish) -> (Vec<(Pane, Rect)>, Rect) {
    let (left, right) = columns(body, left_width(body, wish.dividers));
    if wish.zoom == Zoom::Alone || right.width < TERMINAL || body.height < SMALL.1 {
        return (Vec::new(), body);
    }
    let (mut panes, _) = wide(body, wish);
    panes.retain(|(_, area)| area.right() <= left.right());
    (panes, right)
}

fn left_width(body: Rect, dividers: Dividers) -> u16 {
    let usual = (body.width * 2 / 5).clamp(40, 58);
    dividers.of(Divider::Columns, body.width, usual)
}

fn wide(body: Rect, wish: Wish) -> Divided {
    let dividers = wish.dividers;
    let (left_column, right) = columns(body, left_width(body, dividers));
    let usual = (wish.services + 3).min(left_column.height * 3 / 5).max(4);
    let rows = dividers.of(Divider::Services, left_column.height, usual);
    let (services, left) = top(left_column, rows);
    let build_fits = left.height >= HEALTH + ROOM_FOR_BUILD;
    let (health, build) = if build_fits {
        top(left, HEALTH)
    } else {
        (left, Rect::ZERO)
    };
    let usual = right.height - right.height * 2 / 5;
    let rows = dividers.of(Divider::Traces, right.height, usual);
    let (upper, traces) = top(right, rows);
    let (_, upper) = bottom(upper, u16::from(body.height + 3 >= ROOMY));
    let upper_pane = match wish.upper {
        Shared::Build if build_fits => Pane::Logs,
        other => other.pane(),
    };
    let panes = vec![
        (Pane::Services, services),
        (Pane::Health, health),
        (Pane::Build, build),
        (upper_pane, upper),
        (Pane::Traces, traces),
    ];
    let grips = vec![
        Grip::between_columns(body, left_column),
        Grip::above(Divider::Services, left_column, health),
        Grip::above(Divider::Traces, right, traces),
    ];
    (panes, grips)
}

fn middle(body: Rect, wish: Wish) -> Divided {
    let usual = (wish.services + 2).clamp(7, (body.height * 2 / 5).max(7));
    let rows = wish.dividers.of(Divider::Services, body.height, usual);
    let (first, rest) = top(body, rows);
    let (services, health) = columns(first, first.width * 11 / 20);
    let usual = rest.height - rest.height * 2 / 5;
    let rows = wish.dividers.of(Divider::Traces, rest.height, usual);
    let (upper, traces) = top(rest, rows);
    let panes = vec![
        (Pane::Services, services),
        (Pane::Health, health),
        (wish.upper.pane(), upper),
        (Pane::Traces, traces),
    ];
    let grips = vec![
        Grip::above(Divider::Services, body, upper),
        Grip::above(Divider::Traces, rest, traces),
    ];
    (panes, grips)
}

/// The services, and beside or below them the pane that is worked in.
fn focused(body: Rect, wish: Wish, is_narrow: bool) -> Divided {
    let pane = match wish.focus {
        Pane::Services => wish.upper.pane(),
        other => other,
    };
    let (services, rest, grip) = if is_narrow {
        let usual = (wish.services + 2).clamp(4, (body.height * 2 / 5).max(4));
        let (first, rest) = top(
            body,
            wish.dividers.of(Divider::Services, body.height, usual),
        );
        (first, rest, Grip::above(Divider::Services, body, rest))
    } else {
        let (left, right) = columns(body, left_width(body, wish.dividers));
        (left, right, Grip::between_columns(body, left))
    };
    (vec![(Pane::Services, services), (pane, rest)], vec![grip])
}

/// The first `rows` rows and the rest.
pub(super) fn top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let upper = Rect {
        height: rows,
        ..area
    };
    let lower = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (upper, lower)
}

/// The last `rows` rows and the rest.
pub(super) fn bottom(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let (rest, last) = top(area, area.height - rows);
    (last, rest)
}

/// The first columns and the rest, with one column of nothing between.
fn columns(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    let gap = u16::from(area.width > width);
    let left = Rect { width, ..area };
    let right = Rect {
        x: area.x + width + gap,
        width: area.width - width - gap,
        ..area
    };
    (left, right)
}

#[cfg(test)]
#[path = "layout/tests.rs"]
mod tests;
