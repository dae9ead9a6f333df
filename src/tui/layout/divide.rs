//! What divides the panes, and where a person has put it.

use ratatui::layout::Rect;
use serde::{Deserialize, Serialize};

/// Something that divides panes and can be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Divider {
    /// Between the two columns.
    Columns,
    /// Below the services.
    Services,
    /// Above the traces.
    Traces,
}

/// Where dividers are, each as ten-thousandths of what it divides, so that they keep their place when the screen's size changes;
/// nothing: where they are usually.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::tui) struct Dividers {
    columns: Option<u16>,
    services: Option<u16>,
    traces: Option<u16>,
}

/// The whole of what is divided.
const WHOLE: u32 = 10_000;
/// No pane gets narrower than this by moving a divider, in columns.
const NARROWEST: u16 = 24;
/// Nor lower than this, in rows: its title and what can be read below it.
const LOWEST: u16 = 4;

impl Dividers {
    /// So many of these columns or rows lie before a divider; `usual`: if it was never moved.
    pub(super) fn of(self, divider: Divider, length: u16, usual: u16) -> u16 {
        let Some(share) = self.place(divider) else {
            return usual;
        };
        let (least, most) = bounds(divider, length);
        let before = u32::from(length) * u32::from(share) / WHOLE;
        let before = u16::try_from(before).unwrap_or(length);
        if least > most {
            return usual;
        }
        before.clamp(least, most)
    }

    /// Puts a divider behind so many columns or rows of these.
    pub(in crate::tui) fn put(&mut self, divider: Divider, before: u16, length: u16) {
        let (least, most) = bounds(divider, length);
        if least > most {
            return;
        }
        let before = u32::from(before.clamp(least, most));
        // Rounded up, so that reading it gives the same place again.
        let share = (before * WHOLE).div_ceil(u32::from(length));
        let share = u16::try_from(share).ok();
        match divider {
            Divider::Columns => self.columns = share,
            Divider::Services => self.services = share,
            Divider::Traces => self.traces = share,
        }
    }

    fn place(self, divider: Divider) -> Option<u16> {
        match divider {
            Divider::Columns => self.columns,
            Divider::Services => self.services,
            Divider::Traces => self.traces,
        }
    }
}

/// The least and the most that may lie before a divider.
fn bounds(divider: Divider, length: u16) -> (u16, u16) {
    match divider {
        Divider::Columns => (NARROWEST, length.saturating_sub(NARROWEST + 1)),
        Divider::Services | Divider::Traces => (LOWEST, length.saturating_sub(LOWEST)),
    }
}

/// Where a divider is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Grip {
    pub(in crate::tui) divider: Divider,
    /// What it divides.
    area: Rect,
    /// Where it can be taken hold of.
    hold: Rect,
}

impl Grip {
    /// The column of nothing between two columns, the left of which is this.
    pub(super) fn between_columns(body: Rect, left: Rect) -> Self {
        Self {
            divider: Divider::Columns,
            area: body,
            hold: Rect {
                x: left.right(),
                width: u16::from(left.right() < body.right()),
                ..body
            },
        }
    }

    /// The title of the pane below.
    pub(super) fn above(divider: Divider, area: Rect, below: Rect) -> Self {
        Self {
            divider,
            area,
            hold: Rect {
                height: below.height.min(1),
                ..below
            },
        }
    }

    /// Whether it is at this place.
    pub(in crate::tui) fn is_at(&self, column: u16, row: u16) -> bool {
        self.hold.contains((column, row).into())
    }

    /// Moves it to this place of the screen.
    pub(in crate::tui) fn drag(&self, dividers: &mut Dividers, column: u16, row: u16) {
        let (to, length) = match self.divider {
            Divider::Columns => (column.saturating_sub(self.area.x), self.area.width),
            Divider::Services | Divider::Traces => {
                (row.saturating_sub(self.area.y), self.area.height)
            }
        };
        dividers.put(self.divider, to, length);
    }

    /// Moves it on by so many columns or rows.
    pub(in crate::tui) fn shift(&self, dividers: &mut Dividers, by: i16) {
        let column = self.hold.x.saturating_add_signed(by);
        let row = self.hold.y.saturating_add_signed(by);
        self.drag(dividers, column, row);
    }
}
