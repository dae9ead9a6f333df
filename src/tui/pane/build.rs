//! How an image is made: its steps with their times, the failing one first, and what the builder printed.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{Scene, changes};
use crate::engine::{BuildFailure, BuildState, ServiceState};
use crate::telemetry::{Filter, Select};
use crate::text;
use crate::tui::builds::{BuildStory, End, Outcome, Step};
use crate::tui::draw::{Title, empty, lines, spread, title};
use crate::tui::layout::{Pane, top};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// Lines of a builder's output that are drawn at most.
const OUTPUT: usize = 200;

pub(in crate::tui) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    scene: Scene<'_>,
    service: Option<(usize, &ServiceState)>,
    story: Option<&BuildStory>,
    scrolled: usize,
    focus: Pane,
) {
    let theme = scene.theme;
    let head = head(scene, service, story);
    let body = title(frame, area, Pane::Build, head, focus, theme);
    let Some((_, service)) = service else {
        empty(frame, body, "No service is chosen.", theme);
        return;
    };
    let told = tell(scene, service, story, body.width);
    let body = draw_changes(frame, body, scene, service, told.is_empty());
    if told.is_empty() {
        empty(frame, body, &why_empty(service), theme);
        return;
    }
    let last = told.len().saturating_sub(usize::from(body.height));
    // A failure is read from its beginning, a build under way from its end.
    let first = match &service.build {
        BuildState::Building { .. } => last.saturating_sub(scrolled.min(last)),
        _ => scrolled.min(last),
    };
    lines(frame, body, told.into_iter().skip(first));
}

/// The newest changes above the build, and below them the room that is left for it. They give way to a build.
fn draw_changes(
    frame: &mut Frame<'_>,
    body: Rect,
    scene: Scene<'_>,
    service: &ServiceState,
    alone: bool,
) -> Rect {
    const LEAST: u16 = 6;
    let most = match body.height {
        height if alone => height.saturating_sub(2),
        0..LEAST => 0,
        height => (height / 3).clamp(2, 7),
    };
    let changes = changes::lines(scene, service, body.width, usize::from(most));
    let rows = u16::try_from(changes.len()).unwrap_or(0);
    if rows == 0 {
        return body;
    }
    let (area, rest) = top(body, rows);
    lines(frame, area, changes);
    top(rest, 1).1
}

fn head<'a>(
    scene: Scene<'_>,
    service: Option<(usize, &'a ServiceState)>,
    story: Option<&BuildStory>,
) -> Title<'a> {
    let theme = scene.theme;
    let mut head = Title::default();
    let Some((at, service)) = service else {
        return head;
    };
    head.of.push(Span::styled(
        service.service.name.as_str(),
        theme.series(at).bold(),
    ));
    if let Some(story) = story {
        head.of.push(Span::styled(
            format!("  {}", story.build),
            theme.style(Role::Dim),
        ));
    }
    let note = match (&service.build, story.and_then(|story| story.end.as_ref())) {
        (
            BuildState::Building {
                since, cancelling, ..
            },
            _,
        ) => {
            let age = words::age(scene.now.since(*since));
            let word = if *cancelling {
                "being cancelled"
            } else {
                "building"
            };
            Span::styled(format!("◐ {word}  {age}"), theme.style(Role::Busy))
        }
        (BuildState::Failed { .. }, Some(End::Failed { took })) => Span::styled(
            format!("✗ failed after {}", text::duration(*took)),
            theme.style(Role::Failed).bold(),
        ),
        (BuildState::Failed { .. }, _) => {
            Span::styled("✗ failed", theme.style(Role::Failed).bold())
        }
        (BuildState::Built { took, cached, .. }, _) => {
            let cached = if *cached { ", from the cache" } else { "" };
            Span::styled(
                format!("✓ {}{cached}", text::duration(*took)),
                theme.style(Role::Ready),
            )
        }
        (_, Some(End::Cancelled { why })) => {
            Span::styled(format!("cancelled: {why}"), theme.style(Role::Waiting))
        }
        _ => return head,
    };
    head.note.push(note);
    head
}

fn why_empty(service: &ServiceState) -> String {
    let name = &service.service.name;
    match (&service.service.build, &service.service.image) {
        (None, Some(image)) => format!("{name} is not built here: it runs the image {image}."),
        (None, None) => format!("{name} is not built: it runs as a process."),
        (Some(_), _) if service.runtime.is_none() => {
            format!("{name} has a build; whether it is needed shows when the engine has answered.")
        }
        (Some(_), _) if service.build == BuildState::NotNeeded => {
            format!("{name} runs as a process, so no image is made.")
        }
        (Some(_), _) => match service.build {
            BuildState::Built { build, .. } => {
                format!("The image of {name} is there (build {build}); nothing had to be made.")
            }
            _ => format!("{name} has not been built yet."),
        },
    }
}

fn tell<'a>(
    scene: Scene<'_>,
    service: &ServiceState,
    story: Option<&BuildStory>,
    room: u16,
) -> Vec<Line<'a>> {
    let theme = scene.theme;
    let mut told = Vec::new();
    if let BuildState::Failed { failure, .. } = &service.build {
        told.extend(failed(failure, theme, room));
    }
    if let Some(story) = story {
        let end = if story.end.is_some() {
            None
        } else {
            Some(scene.now)
        };
        for step in &story.steps {
            let took = step.took.or(end.map(|now| now.since(step.began)));
            told.push(step_line(step, story.of, took, theme, room));
        }
    }
    told.extend(output(scene, service, theme, room));
    told
}

/// The reason first: the step, what the builder says, the last lines.
fn failed<'a>(failure: &BuildFailure, theme: &Theme, room: u16) -> Vec<Line<'a>> {
    let mut told = Vec::new();
    let mut tell = |sign: &'static str, words: &str, role: Role| {
        for line in words.lines().take(40) {
            let line = text::plain(line.as_bytes());
            for row in rows(&line, usize::from(room).saturating_sub(2)) {
                told.push(Line::from(vec![
                    Span::styled(sign, theme.style(Role::Failed)),
                    Span::styled(row.to_owned(), theme.style(role)),
                ]));
            }
        }
    };
    if let Some(step) = &failure.step {
        tell("✗ ", step, Role::Strong);
    }
    for line in &failure.last_lines {
        tell("│ ", line, Role::Text);
    }
    tell("  ", &failure.message, Role::Failed);
    if let Some(base) = &failure.missing_base {
        tell(
            "  ",
            &format!("the base image {base} could not be had"),
            Role::Waiting,
        );
    }
    told.push(Line::default());
    told
}

/// A line in rows of so many columns, at most eight of them.
fn rows(line: &str, room: usize) -> Vec<&str> {
    let mut rows = Vec::new();
    let mut rest = line;
    while rows.len() < 8 {
        let row = text::cut(rest, room);
        rows.push(row);
        rest = &rest[row.len()..];
        if rest.is_empty() || row.is_empty() {
            break;
        }
    }
    rows
}

fn step_line<'a>(
    step: &Step,
    of: u32,
    took: Option<Duration>,
    theme: &Theme,
    room: u16,
) -> Line<'a> {
    let (sign, role) = match (step.outcome, step.cached) {
        (Outcome::UnderWay, _) => ("◐", Role::Busy),
        (Outcome::Failed, _) => ("✗", Role::Failed),
        (Outcome::Done, true) => ("·", Role::Dim),
        (Outcome::Done, false) => ("✓", Role::Ready),
    };
    let number = format!("{:>2}/{:<2} ", step.number, of.max(step.number));
    let left = vec![
        Span::styled(format!("{sign} "), theme.style(role)),
        Span::styled(number, theme.style(Role::Dim)),
        Span::styled(
            step.name.clone(),
            theme.style(if step.cached { Role::Dim } else { Role::Text }),
        ),
    ];
    let right = match took {
        _ if step.cached => "cached".to_owned(),
        Some(took) if step.took.is_none() => words::age(took),
        Some(took) => text::duration(took),
        None => String::new(),
    };
    spread(
        left,
        vec![Span::styled(right, theme.style(Role::Dim))],
        room,
    )
}

/// What the builder printed for this build.
fn output<'a>(scene: Scene<'_>, service: &ServiceState, theme: &Theme, room: u16) -> Vec<Line<'a>> {
    let build = match &service.build {
        BuildState::Building { build, .. }
        | BuildState::Built { build, .. }
        | BuildState::Failed { build, .. } => *build,
        BuildState::NotNeeded | BuildState::Wanted => return Vec::new(),
    };
    let Ok(filter) = Filter::parse(&format!("stream=build run={}", build.0)) else {
        return Vec::new();
    };
    let services = [service.service.name.clone()];
    let select = Select {
        services: &services,
        filter: Some(&filter),
        patience: 5_000,
    };
    let lines = scene.telemetry.latest(select, OUTPUT).lines;
    let shown = lines.iter().map(|line| {
        let bytes = &line.line.bytes;
        let words = text::plain(&bytes[..bytes.len().min(4096)]);
        spread(
            vec![
                Span::styled("  ", theme.style(Role::Dim)),
                Span::styled(words, theme.style(Role::Dim)),
            ],
            Vec::new(),
            room,
        )
    });
    let mut told: Vec<Line<'a>> = shown.collect();
    if !told.is_empty() {
        told.insert(0, Line::default());
    }
    told
}
