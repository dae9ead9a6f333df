//! The newest changes of a service: each as a bar of its stages, on one axis of time that begins with its save.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::Scene;
use crate::engine::{ChangeStory, Fate, Moment, ServiceState, Way};
use crate::text;
use crate::tui::draw::{clip, spans_width, spread};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// A stage of a change, as it is drawn: every one has its own height, so that colour is never needed to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Settling,
    Making,
    Starting,
    GettingReady,
}

/// Wide enough for the time of day in front, and for words behind.
const WITH_TIME: u16 = 34;
const WITH_WORDS: u16 = 50;
/// Wide enough for the first good answer besides.
const WITH_ANSWER: u16 = 76;
/// The widest bar, and the shortest that is worth to be drawn beside all figures.
const WIDEST: usize = 60;
const SHORTEST: usize = 8;
/// Columns for how long it took.
const TOOK: usize = 8;

/// At most so many lines: the newest changes, and what their bars mean. None if there was no change.
pub(in crate::tui) fn lines<'a>(
    scene: Scene<'_>,
    service: &ServiceState,
    room: u16,
    most: usize,
) -> Vec<Line<'a>> {
    let stories = service.changes.newest_first();
    if stories.len() == 0 || most == 0 {
        return Vec::new();
    }
    let with_legend = usize::from(most > 2);
    let shown: Vec<&ChangeStory> = stories.take(most - with_legend).collect();
    let has_bar = |story: &&&ChangeStory| matches!(story.fate, Fate::Live { .. } | Fate::UnderWay);
    let bars = shown.iter().filter(has_bar);
    let scale = bars
        .map(|story| so_far(story, scene.now))
        .max()
        .unwrap_or_default();
    let mut lines: Vec<Line<'a>> = shown
        .iter()
        .map(|story| line(scene, story, scale, room))
        .collect();
    if with_legend > 0 {
        lines.push(legend(scene.theme, service, room));
    }
    lines
}

/// The bar of the newest change that went live, and how fast those of the session did.
pub(in crate::tui) fn last_live<'a>(
    theme: &Theme,
    service: &ServiceState,
    room: u16,
) -> Option<Vec<Span<'a>>> {
    let mut stories = service.changes.newest_first();
    let story = stories.find(|story| story.live.is_some())?;
    let end = story.live?;
    let mut figures = figures(theme, service);
    let left = |figures: &[Span<'_>]| usize::from(room).saturating_sub(spans_width(figures) + 2);
    if left(&figures) < SHORTEST {
        figures.truncate(2);
    }
    let columns = left(&figures).min(24);
    let scale = end.since(story.from());
    let mut spans = bar(theme, story, end, scale, columns);
    spans.push(Span::raw("  "));
    spans.extend(figures);
    Some(clip(spans, usize::from(room)))
}

/// How long it took, or has taken so far.
fn so_far(story: &ChangeStory, now: Moment) -> Duration {
    let end = match &story.fate {
        Fate::Live { .. } => story.live,
        Fate::UnderWay => Some(now),
        Fate::Failed { at, .. } => Some(*at),
        Fate::Waiting | Fate::Overtaken { .. } => None,
    };
    end.map_or(Duration::ZERO, |end| end.since(story.from()))
}

fn line<'a>(scene: Scene<'_>, story: &ChangeStory, scale: Duration, room: u16) -> Line<'a> {
    let theme = scene.theme;
    let dim = theme.style(Role::Dim);
    let mut left = Vec::new();
    if room >= WITH_TIME {
        let at = scene.clock.zoned(story.last_save).strftime("%H:%M:%S");
        left.push(Span::styled(format!("{at}  "), dim));
    }
    let took = so_far(story, scene.now);
    let (figure, role) = match &story.fate {
        Fate::Live { .. } => (text::duration(took), Role::Text),
        Fate::UnderWay => (words::age(took), Role::Busy),
        Fate::Failed { .. } => ("✗ failed".to_owned(), Role::Failed),
        Fate::Waiting => ("waits".to_owned(), Role::Waiting),
        Fate::Overtaken { .. } => ("–".to_owned(), Role::Dim),
    };
    left.push(Span::styled(
        format!("{figure:>TOOK$}  "),
        theme.style(role),
    ));
    let mut right = Vec::new();
    if room >= WITH_WORDS {
        right.push(Span::styled(how(story), dim));
    }
    if room >= WITH_ANSWER {
        right.push(Span::styled(answered(story), dim));
    }
    let taken = spans_width(&left) + spans_width(&right) + 2;
    let columns = usize::from(room).saturating_sub(taken).min(WIDEST);
    let end = story.from() + took;
    left.extend(match &story.fate {
        Fate::Live { .. } | Fate::UnderWay => bar(theme, story, end, scale, columns),
        Fate::Failed { why, .. } => {
            let why = why.lines().next().unwrap_or_default();
            vec![Span::styled(
                text::plain(why.as_bytes()),
                theme.style(Role::Failed),
            )]
        }
        Fate::Waiting => vec![Span::styled("u applies it", dim)],
        Fate::Overtaken { by } => vec![Span::styled(format!("overtaken by {by}"), dim)],
    });
    spread(left, right, room)
}

/// Columns for how it came.
const HOW: usize = 14;

/// How it came, in a word or two.
fn how(story: &ChangeStory) -> String {
    let how = match story.way {
        Some(Way::Build {
            build,
            reused: false,
        }) => format!("build {build}"),
        Some(Way::Build { reused: true, .. }) => "image reused".into(),
        Some(Way::Sync) => "sync".into(),
        Some(Way::Restart) => "restart".into(),
        Some(Way::InPlace) => "in place".into(),
        None => String::new(),
    };
    format!("{how:<HOW$}")
}

/// When it was first answered well by what has it.
fn answered(story: &ChangeStory) -> String {
    let after = story.served.map(|served| served.since(story.from()));
    let words = after.map_or(String::new(), |after| {
        format!("answered {}", text::duration(after))
    });
    format!("{words:<16}")
}

/// The stages one after another; each that took any time has at least a column.
fn bar<'a>(
    theme: &Theme,
    story: &ChangeStory,
    end: Moment,
    scale: Duration,
    columns: usize,
) -> Vec<Span<'a>> {
    let from = story.from();
    let settled = Some(story.settled).filter(|_| story.applied.is_none());
    let ends = [
        (Stage::Settling, settled.or(Some(from))),
        (
            Stage::Making,
            story.made.or(Some(end).filter(|_| story.begun.is_some())),
        ),
        (Stage::Starting, story.started),
        (Stage::GettingReady, Some(end)),
    ];
    let (mut spans, mut before, mut drawn) = (Vec::new(), from, 0);
    for (stage, until) in ends {
        let Some(until) = until.map(|until| until.min(end)) else {
            continue;
        };
        let place = column(until.since(from), scale, columns);
        let least = usize::from(until > before);
        let place = place.max(drawn + least).min(columns);
        let (sign, role) = stage.looks();
        spans.push(Span::styled(sign.repeat(place - drawn), theme.style(role)));
        (before, drawn) = (before.max(until), place);
    }
    spans
}

fn column(time: Duration, scale: Duration, columns: usize) -> usize {
    let share = time.as_micros() * columns as u128;
    let place = share.checked_div(scale.as_micros()).unwrap_or(0);
    usize::try_from(place).unwrap_or(columns).min(columns)
}

impl Stage {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Settling, "settle"),
        (Self::Making, "make"),
        (Self::Starting, "start"),
        (Self::GettingReady, "ready"),
    ];

    fn looks(self) -> (&'static str, Role) {
        match self {
            Self::Settling => ("▁", Role::Dim),
            Self::Making => ("▆", Role::Busy),
            Self::Starting => ("▄", Role::Accent),
            Self::GettingReady => ("▂", Role::Ready),
        }
    }
}

/// How fast changes went live, and what the bars are made of.
fn legend<'a>(theme: &Theme, service: &ServiceState, room: u16) -> Line<'a> {
    let mut signs = Vec::new();
    for (stage, word) in Stage::ALL {
        let (sign, role) = stage.looks();
        signs.push(Span::styled(sign, theme.style(role)));
        signs.push(Span::styled(format!("{word} "), theme.style(Role::Dim)));
    }
    let figures = figures(theme, service);
    if spans_width(&signs) + spans_width(&figures) + 1 > usize::from(room) {
        return Line::from(clip(figures, usize::from(room)));
    }
    spread(figures, signs, room)
}

/// Within which time half of the changes, and nearly all, were live.
fn figures<'a>(theme: &Theme, service: &ServiceState) -> Vec<Span<'a>> {
    let (Some(half), Some(most)) = (service.live_within(50), service.live_within(95)) else {
        return Vec::new();
    };
    let dim = theme.style(Role::Dim);
    let strong = theme.style(Role::Text);
    vec![
        Span::styled("p50 ", dim),
        Span::styled(text::duration(half), strong),
        Span::styled("  p95 ", dim),
        Span::styled(text::duration(most), strong),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ChangeId, RunId};
    use crate::tui::theme::{Depth, Ground};

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn story() -> ChangeStory {
        ChangeStory {
            change: ChangeId(1),
            files: 1,
            first_save: at(0),
            last_save: at(0),
            settled: at(10),
            applied: None,
            way: Some(Way::Sync),
            begun: Some(at(10)),
            made: Some(at(60)),
            started: Some(at(80)),
            ready: Some(at(100)),
            live: Some(at(100)),
            served: None,
            fate: Fate::Live { run: RunId(1) },
        }
    }

    fn drawn(story: &ChangeStory, end: u64, scale: u64, columns: usize) -> String {
        let theme = Theme::for_ground(Ground::Dark, Depth::None);
        let scale = Duration::from_millis(scale);
        let spans = bar(&theme, story, at(end), scale, columns);
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_bar_has_its_stages_in_their_share() {
        assert_eq!(drawn(&story(), 100, 100, 20), "▁▁▆▆▆▆▆▆▆▆▆▆▄▄▄▄▂▂▂▂");
        assert_eq!(drawn(&story(), 100, 200, 20), "▁▆▆▆▆▆▄▄▂▂");
        assert_eq!(drawn(&story(), 100, 10_000, 20), "▁▆▄▂", "each is seen");
        assert_eq!(drawn(&story(), 100, 10_000, 3), "▁▆▄", "never wider");
        assert_eq!(drawn(&story(), 100, 0, 0), "");
    }

    #[test]
    fn what_is_not_known_yet_is_not_drawn() {
        let mut under_way = story();
        (under_way.made, under_way.started, under_way.ready) = (None, None, None);
        assert_eq!(drawn(&under_way, 50, 100, 20), "▁▁▆▆▆▆▆▆▆▆");
        under_way.begun = None;
        assert_eq!(drawn(&under_way, 50, 100, 20), "▁▁▂▂▂▂▂▂▂▂");
    }
}
