//! The first line: the stack, how many services are at what, how the front door does, and the engine.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Block;

use super::Scene;
use crate::engine::{EngineLink, Goal, Phase, State, Status};
use crate::stack::ServiceName;
use crate::text;
use crate::tui::draw::{spans_width, spread};
use crate::tui::theme::{Role, Theme};

/// Figures of traffic look back this far.
pub(in crate::tui) const WINDOW: Duration = Duration::from_secs(15);

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>) {
    frame.render_widget(Block::new().style(scene.theme.surface()), area);
    let theme = scene.theme;
    let mut right = Vec::new();
    if area.width >= 30 {
        right.extend(engine(&scene.state.engine_link, theme, area.width >= 60));
        right.push(Span::raw(" "));
    }
    let fits = |left: &[Span<'_>], right: &[Span<'_>]| {
        spans_width(left) + spans_width(right) < usize::from(area.width)
    };
    // Whose requests suffer on purpose is said in full before counts are.
    let rooms = [Room::Whole, Room::Words, Room::Signs];
    let first = if area.width >= 60 { 0 } else { 2 };
    let mut left = Vec::new();
    for room in rooms.into_iter().skip(first) {
        left = standing(scene, room);
        if fits(&left, &right) {
            break;
        }
    }
    if !fits(&left, &right) {
        right.clear();
    }
    let mut figures = traffic(scene);
    if fits(&left, &[figures.as_slice(), right.as_slice()].concat()) {
        figures.append(&mut right);
        right = figures;
    }
    frame.render_widget(spread(left, right, area.width), area);
}

/// How much room there is for counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// How many there are in all, and each count with its word.
    Whole,
    /// Each count with its word.
    Words,
    /// Each count with its sign.
    Signs,
}

/// The stack, and how it stands as a whole.
fn standing(scene: Scene<'_>, room: Room) -> Vec<Span<'_>> {
    let theme = scene.theme;
    let mut left = vec![
        Span::raw(" "),
        Span::styled(
            text::plain(scene.state.stack.name.as_bytes()),
            theme.style(Role::Strong),
        ),
        Span::raw("  "),
    ];
    left.extend(counts(scene.state, theme, room));
    let held = scene.telemetry.held().total();
    if held > 0 {
        left.push(Span::styled(
            format!("held {held}   "),
            theme.style(Role::Waiting),
        ));
    }
    if scene.state.solo.told {
        let style = theme.style(Role::Waiting).bold();
        left.push(Span::styled("solo   ", style));
    }
    left.extend(faults(scene.state, theme));
    left
}

/// To whose requests something is done on purpose: what goes wrong there is no fault of theirs.
fn faults<'a>(state: &State, theme: &Theme) -> Option<Span<'a>> {
    let names: Vec<&str> = state
        .faults
        .in_force()
        .map(|(name, _)| name.as_str())
        .collect();
    let words = match names[..] {
        [] => return None,
        [one] => format!("↯ faults of {one}   "),
        [..] => format!("↯ faults of {} services   ", names.len()),
    };
    Some(Span::styled(words, theme.style(Role::Waiting).bold()))
}

/// How many services are at what: what went wrong first, all in the same order at all times.
fn counts<'a>(state: &State, theme: &Theme, room: Room) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    match state.phase {
        // The banner tells of a stop under way.
        Phase::Running | Phase::Stopping { .. } => {}
        Phase::Ended => spans.push(Span::styled("stopped  ", theme.style(Role::Dim))),
    }
    if let Goal::Smoke(_) = state.goal {
        spans.push(Span::styled("smoke test  ", theme.style(Role::Accent)));
    }
    let statuses: Vec<Status> = state
        .services
        .values()
        .map(crate::engine::ServiceState::status)
        .collect();
    let total = statuses.len();
    if room == Room::Whole {
        let word = if total == 1 { "service" } else { "services" };
        spans.push(Span::styled(
            format!("{total} {word}   "),
            theme.style(Role::Dim),
        ));
    }
    for (symbol, word, role, is_in) in GROUPS {
        let count = statuses.iter().filter(|status| is_in(**status)).count();
        if count == 0 {
            continue;
        }
        let shown = if room == Room::Signs {
            format!("{symbol} {count}  ")
        } else {
            format!("{symbol} {count} {word}   ")
        };
        spans.push(Span::styled(shown, theme.style(*role)));
    }
    spans
}

type Group = (&'static str, &'static str, Role, fn(Status) -> bool);

const GROUPS: &[Group] = &[
    ("✗", "failed", Role::Failed, |status| {
        matches!(status, Status::Failed { .. } | Status::Unhealthy)
    }),
    ("●", "ready", Role::Ready, |status| {
        matches!(status, Status::Ready)
    }),
    ("◐", "under way", Role::Busy, |status| {
        matches!(
            status,
            Status::Building { .. } | Status::Starting | Status::Probing | Status::Stopping
        )
    }),
    ("◌", "waiting", Role::Waiting, |status| {
        matches!(status, Status::Waiting)
    }),
    ("✓", "completed", Role::Dim, |status| {
        matches!(status, Status::Completed)
    }),
    ("○", "stopped", Role::Dim, |status| {
        matches!(status, Status::Stopped)
    }),
];

/// How the busiest front door did lately.
fn traffic(scene: Scene<'_>) -> Vec<Span<'static>> {
    let theme = scene.theme;
    let now = scene.clock.timestamp(scene.now);
    let exchanges = scene.telemetry.exchanges();
    let doors = scene.state.services.values();
    let doors = doors.filter(|service| !service.service.ports.is_empty());
    let busiest = doors
        .map(|service| {
            let name: &ServiceName = &service.service.name;
            (name, exchanges.rates(name, WINDOW, now))
        })
        .filter(|(_, rates)| rates.requests > 0)
        .max_by_key(|(_, rates)| rates.requests);
    let Some((name, rates)) = busiest else {
        return Vec::new();
    };
    let errors = if rates.errors > 0.0 {
        theme.style(Role::Failed)
    } else {
        theme.style(Role::Dim)
    };
    vec![
        Span::styled(format!("{name} "), theme.style(Role::Text)),
        Span::styled("p95 ", theme.style(Role::Dim)),
        Span::styled(text::duration(rates.p95), theme.style(Role::Text)),
        Span::raw("  "),
        Span::styled(format!("{:.1} % errors", rates.errors * 100.0), errors),
        Span::raw("     "),
    ]
}

fn engine(link: &EngineLink, theme: &Theme, roomy: bool) -> Vec<Span<'static>> {
    let (words, role) = match link {
        EngineLink::Unknown => ("asking for the engine…".to_owned(), Role::Dim),
        EngineLink::Connected { name, version, .. } if roomy => {
            (format!("{name} {version}"), Role::Dim)
        }
        EngineLink::Connected { name, .. } => (name.clone(), Role::Dim),
        EngineLink::Missing { .. } => ("no engine".to_owned(), Role::Waiting),
        EngineLink::Lost { .. } => ("✗ engine lost".to_owned(), Role::Failed),
    };
    vec![Span::styled(
        text::plain(words.as_bytes()),
        theme.style(role),
    )]
}
