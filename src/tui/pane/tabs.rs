//! The names of all panes in one line, where one pane is shown at a time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};

/// The name of a pane in the line: its number, and its name as far as there is room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tab {
    pane: Pane,
    number: String,
    name: &'static str,
}

impl Tab {
    fn of(pane: Pane, space: &str, named: bool) -> Self {
        Self {
            pane,
            number: format!(" {}{space}", pane.number()),
            name: if named { pane.word() } else { "" },
        }
    }

    fn width(&self) -> usize {
        self.number.len() + self.name.len()
    }
}

/// The names as they stand in a line of this width: all of them, or without those of the panes that have the whole screen,
/// or in numbers but for the one that is worked in.
fn tabs(focus: Pane, width: u16) -> Vec<Tab> {
    let all = || {
        let others = [Pane::Details].into_iter().chain(Pane::WHOLE);
        Pane::ALL.into_iter().chain(others)
    };
    let fits = |tabs: &Vec<Tab>| tabs.iter().map(Tab::width).sum::<usize>() <= usize::from(width);
    let named = |space| all().map(|pane| Tab::of(pane, space, true)).collect();
    let beside = |space| {
        let panes = Pane::ALL.into_iter();
        panes.map(|pane| Tab::of(pane, space, true)).collect()
    };
    let forms: Vec<Vec<Tab>> = if Pane::ALL.contains(&focus) {
        vec![named(" "), beside(" "), beside("")]
    } else {
        vec![named(" "), named("")]
    };
    let numbers = all().map(|pane| Tab::of(pane, "", pane == focus));
    forms
        .into_iter()
        .find(fits)
        .unwrap_or_else(|| numbers.collect())
}

/// Which pane's name stands at this column of a line of this width.
pub(in crate::tui) fn at(column: u16, width: u16, focus: Pane) -> Option<Pane> {
    let mut end = 0;
    let mut tabs = tabs(focus, width).into_iter();
    let found = tabs.find(|tab| {
        end += tab.width();
        usize::from(column) < end
    });
    found.map(|tab| tab.pane)
}

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, focus: Pane, theme: &Theme) {
    let spans = tabs(focus, area.width).into_iter().flat_map(|tab| {
        let style = if tab.pane == focus {
            theme.style(Role::Accent).bold().underlined()
        } else {
            theme.style(Role::Dim)
        };
        [
            Span::styled(tab.number, theme.style(Role::Dim)),
            Span::styled(tab.name, style),
        ]
    });
    frame.render_widget(spans.collect::<Line<'_>>(), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_finds_the_name_it_is_on() {
        let at = |column, width| at(column, width, Pane::Services);
        assert_eq!(at(0, 80), Some(Pane::Services));
        assert_eq!(at(10, 80), Some(Pane::Services));
        assert_eq!(at(11, 80), Some(Pane::Logs));
        assert_eq!(at(400, 80), None);
        assert_eq!(at(38, 40), Some(Pane::Build));
    }

    #[test]
    fn where_there_is_no_room_numbers_stand_for_names() {
        let line = |focus, width| -> String {
            let tabs = tabs(focus, width).into_iter();
            tabs.map(|tab| tab.number + tab.name).collect()
        };
        assert_eq!(
            line(Pane::Logs, 40),
            " 1Services 2Logs 3Traces 4Health 5Build"
        );
        assert!(line(Pane::Notices, 40).ends_with(" 5 7 8 9Notices"));
        assert!(line(Pane::Logs, 80).ends_with("9 Notices"));
    }
}
