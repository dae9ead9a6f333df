//! Where everything stands on the screen: one pure function of its size.

use ratatui::layout::Rect;

use super::ui::Shared;

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
    /// Whether it is to be alone.
    pub(super) zoomed: bool,
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
    } else if wish.zoomed
        || wish.focus.is_whole()
        || screen.width < SMALL.0
        || screen.height < SMALL.1
    {
        let (tabs, body) = top(rest, u16::from(rest.height > 2));
        layout.tabs = tabs;
        layout.panes.push((wish.focus, body));
    } else if screen.width < WIDE {
        layout.panes = middle(rest, wish);
    } else {
        layout.panes = wide(rest, wish);
    }
    layout.panes.retain(|(_, area)| !area.is_empty());
    layout
}

/// A terminal takes the right column where it is as wide as terminals are, else all there is.
fn inside(body: Rect, wish: Wish) -> (Vec<(Pane, Rect)>, Rect) {
    let (left, right) = columns(body, left_width(body));
    if wish.zoomed || right.width < TERMINAL || body.height < SMALL.1 {
        return (Vec::new(), body);
    }
    let mut panes = wide(body, wish);
    panes.retain(|(_, area)| area.right() <= left.right());
    (panes, right)
}

fn left_width(body: Rect) -> u16 {
    (body.width * 2 / 5).clamp(40, 58)
}

fn wide(body: Rect, wish: Wish) -> Vec<(Pane, Rect)> {
    let (left, right) = columns(body, left_width(body));
    let (services, left) = top(left, (wish.services + 3).min(left.height * 3 / 5).max(4));
    let build_fits = left.height >= HEALTH + ROOM_FOR_BUILD;
    let (health, build) = if build_fits {
        top(left, HEALTH)
    } else {
        (left, Rect::ZERO)
    };
    let (upper, traces) = top(right, right.height - right.height * 2 / 5);
    let (_, upper) = bottom(upper, u16::from(body.height + 3 >= ROOMY));
    let upper_pane = match wish.upper {
        Shared::Build if build_fits => Pane::Logs,
        other => other.pane(),
    };
    vec![
        (Pane::Services, services),
        (Pane::Health, health),
        (Pane::Build, build),
        (upper_pane, upper),
        (Pane::Traces, traces),
    ]
}

fn middle(body: Rect, wish: Wish) -> Vec<(Pane, Rect)> {
    let rows = (wish.services + 2).clamp(7, (body.height * 2 / 5).max(7));
    let (first, rest) = top(body, rows);
    let (services, health) = columns(first, first.width * 11 / 20);
    let (upper, traces) = top(rest, rest.height - rest.height * 2 / 5);
    let upper_pane = wish.upper.pane();
    vec![
        (Pane::Services, services),
        (Pane::Health, health),
        (upper_pane, upper),
        (Pane::Traces, traces),
    ]
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
mod tests {
    use super::*;

    fn wish() -> Wish {
        Wish {
            focus: Pane::Services,
            zoomed: false,
            upper: Shared::Logs,
            services: 5,
            banner: 0,
            inside: false,
        }
    }

    fn names(width: u16, height: u16, wish: Wish) -> Vec<Pane> {
        let layout = layout(Rect::new(0, 0, width, height), wish);
        layout.panes.iter().map(|(pane, _)| *pane).collect()
    }

    #[test]
    fn the_size_decides_which_panes_are_seen() {
        use Pane::{Build, Health, Logs, Services, Traces};
        let all = [Services, Health, Build, Logs, Traces];
        assert_eq!(names(140, 40, wish()), all);
        assert_eq!(names(120, 24, wish()), [Services, Health, Logs, Traces]);
        assert_eq!(names(80, 24, wish()), [Services, Health, Logs, Traces]);
        assert_eq!(names(40, 12, wish()), [Services]);
        let build = Wish {
            upper: Shared::Build,
            ..wish()
        };
        assert_eq!(names(80, 24, build), [Services, Health, Build, Traces]);
        assert_eq!(names(140, 40, build), all);
        let details = Wish {
            upper: Shared::Details,
            ..wish()
        };
        let beside = [Services, Health, Build, Pane::Details, Traces];
        assert_eq!(names(140, 40, details), beside);
        let zoomed = Wish {
            focus: Logs,
            zoomed: true,
            ..wish()
        };
        assert_eq!(names(140, 40, zoomed), [Logs]);
        let inside = Wish {
            inside: true,
            ..wish()
        };
        assert_eq!(names(140, 40, inside), [Services, Health, Build]);
        assert_eq!(names(120, 40, inside), []);
        let whole = layout(Rect::new(0, 0, 80, 24), inside).inside;
        assert_eq!((whole.width, whole.height), (80, 22));
    }

    #[test]
    fn at_any_size_areas_stay_inside_and_apart() {
        for width in 0..170 {
            for height in 0..60 {
                for (services, banner, zoomed) in [(0, 0, false), (5, 1, false), (90, 3, true)] {
                    let screen = Rect::new(0, 0, width, height);
                    let wish = Wish {
                        zoomed,
                        services,
                        banner,
                        inside: (width + height) % 3 == 0,
                        ..wish()
                    };
                    let layout = layout(screen, wish);
                    let panes = layout.panes.iter().map(|(_, area)| *area);
                    let others = [
                        layout.header,
                        layout.banner,
                        layout.tabs,
                        layout.footer,
                        layout.inside,
                    ];
                    let areas: Vec<Rect> = panes
                        .chain(others)
                        .filter(|area| !area.is_empty())
                        .collect();
                    for (at, area) in areas.iter().enumerate() {
                        assert_eq!(area.intersection(screen), *area, "{screen:?}");
                        for other in &areas[at + 1..] {
                            assert!(!area.intersects(*other), "{screen:?}: {layout:?}");
                        }
                    }
                }
            }
        }
    }
}
