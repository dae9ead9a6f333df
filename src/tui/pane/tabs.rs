//! The names of all panes in one line, where one pane is shown at a time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};

/// Narrower than this, there is no room between number and name.
const TIGHT: u16 = 48;

/// Number and name of a pane as they stand in a line of this width.
fn words(pane: Pane, width: u16) -> (String, &'static str) {
    let space = if width < TIGHT { "" } else { " " };
    (format!(" {}{space}", pane.number()), pane.word())
}

/// Which pane's name stands at this column of a line of this width.
pub(in crate::tui) fn at(column: u16, width: u16) -> Option<Pane> {
    let mut end = 0;
    Pane::ALL.into_iter().find(|pane| {
        let (number, name) = words(*pane, width);
        end += number.len() + name.len();
        usize::from(column) < end
    })
}

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, focus: Pane, theme: &Theme) {
    let spans = Pane::ALL.into_iter().flat_map(|pane| {
        let style = if pane == focus {
            theme.style(Role::Accent).bold().underlined()
        } else {
            theme.style(Role::Dim)
        };
        let (number, name) = words(pane, area.width);
        [
            Span::styled(number, theme.style(Role::Dim)),
            Span::styled(name, style),
        ]
    });
    frame.render_widget(spans.collect::<Line<'_>>(), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_finds_the_name_it_is_on() {
        assert_eq!(at(0, 80), Some(Pane::Services));
        assert_eq!(at(10, 80), Some(Pane::Services));
        assert_eq!(at(11, 80), Some(Pane::Logs));
        assert_eq!(at(400, 80), None);
        assert_eq!(at(38, 40), Some(Pane::Build));
    }
}
