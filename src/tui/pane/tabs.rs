//! The names of all panes in one line, where one pane is shown at a time.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::tui::layout::Pane;
use crate::tui::theme::{Role, Theme};

/// Each name as it stands in the line.
fn words(pane: Pane) -> String {
    format!(" {} {}", pane.number(), pane.word())
}

/// Which pane's name stands at this column.
pub(in crate::tui) fn at(column: u16) -> Option<Pane> {
    let mut end = 0;
    Pane::ALL.into_iter().find(|pane| {
        end += words(*pane).len();
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
        let (number, name) = (pane.number(), pane.word());
        [
            Span::styled(format!(" {number} "), theme.style(Role::Dim)),
            Span::styled(name, style),
        ]
    });
    frame.render_widget(Line::from_iter(spans), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_finds_the_name_it_is_on() {
        assert_eq!(at(0), Some(Pane::Services));
        assert_eq!(at(10), Some(Pane::Services));
        assert_eq!(at(11), Some(Pane::Logs));
        assert_eq!(at(400), None);
    }
}
