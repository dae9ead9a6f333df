//! Lines that must not be missed: a stack file that was refused, an engine that went away, what a stop still
//! waits for, that edits wait.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::Scene;
use crate::engine::{EngineLink, Phase, State};
use crate::text;
use crate::tui::draw::spread;
use crate::tui::theme::Role;

/// One line of the banner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Words {
    /// What it is about.
    lead: &'static str,
    /// What there is to say.
    said: String,
    role: Role,
}

/// What must not be missed now; the most urgent first.
pub(in crate::tui) fn words(state: &State) -> Vec<Words> {
    let mut words = Vec::new();
    if let Phase::Stopping { kill, .. } = state.phase {
        words.push(Words {
            lead: if kill { "killing" } else { "stopping" },
            said: remaining(state),
            role: Role::Waiting,
        });
    }
    if let EngineLink::Lost { why } = &state.engine_link {
        words.push(Words {
            lead: "engine lost",
            said: format!("{why}; it is looked for"),
            role: Role::Failed,
        });
    }
    if let Some(first) = state.stack_problems.first() {
        let more = match state.stack_problems.len() {
            1 => String::new(),
            count => format!("  (and {} more)", count - 1),
        };
        words.push(Words {
            lead: "stack file refused",
            said: format!("{first}{more}; the old one stays"),
            role: Role::Failed,
        });
    }
    if state.hold.is_some() && state.is_running() {
        words.push(Words {
            lead: "on hold",
            said: on_hold(state),
            role: Role::Waiting,
        });
    }
    words
}

/// What waits while edits are not acted upon, and what would change that.
fn on_hold(state: &State) -> String {
    let waiting = state.services.values().filter_map(|service| {
        let waiting = service.waiting.as_ref()?;
        Some(format!("{} {}", service.service.name, waiting.changes))
    });
    let stack = state
        .waiting_stack
        .iter()
        .map(|_| "the stack file".to_owned());
    let waiting: Vec<String> = waiting.chain(stack).collect();
    if waiting.is_empty() {
        return "edits wait until they are applied; p lets them go again".into();
    }
    format!(
        "edits wait ({}); U applies them all, p ends the hold",
        waiting.join(", ")
    )
}

/// What a stop still waits for, and what would end it at once.
fn remaining(state: &State) -> String {
    let running = state
        .services
        .values()
        .filter(|service| !service.runs.is_empty());
    let names: Vec<&str> = running
        .map(|service| service.service.name.as_str())
        .collect();
    match names.len() {
        0 => "nothing runs any more; tidying up".to_owned(),
        1 => format!("{} still runs; Ctrl-C kills it", names[0]),
        count => format!("{count} still run: {}; Ctrl-C kills them", names.join(", ")),
    }
}

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, lines: &[Words], scene: Scene<'_>) {
    for (words, row) in lines.iter().zip(area.rows()) {
        let style = scene.theme.style(words.role);
        let first = words.said.lines().next().unwrap_or_default();
        let spans = vec![
            Span::styled(
                format!(" {}  ", words.lead),
                style.patch(Style::new().bold()),
            ),
            Span::styled(text::plain(first.as_bytes()), scene.theme.style(Role::Text)),
        ];
        frame.render_widget(spread(spans, Vec::new(), row.width), row);
    }
}
