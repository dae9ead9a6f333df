//! The last line: what is typed, what was just done, or how the chosen service stands; and keys that work here.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::Block;

use super::Scene;
use crate::engine::ServiceState;
use crate::text;
use crate::tui::details;
use crate::tui::draw::{spans_width, spread};
use crate::tui::fault_line;
use crate::tui::keys::{Action, Bound};
use crate::tui::theme::{Role, Theme};
use crate::tui::time_of_day;
use crate::tui::typed::Kind;
use crate::tui::ui::{Asked, Mode, Typing, Ui};
use crate::tui::words;

pub(in crate::tui) fn render(frame: &mut Frame<'_>, area: Rect, scene: Scene<'_>, ui: &Ui) {
    let theme = scene.theme;
    frame.render_widget(Block::new().style(theme.surface()), area);
    let left = match (&ui.mode, &ui.said) {
        (Mode::Typing(typing), _) => typed(typing, ui, scene),
        (_, Some(said)) => vec![Span::styled(format!(" {said}"), theme.style(Role::Accent))],
        (_, None) => ui
            .service(scene.state)
            .map_or(Vec::new(), |service| standing(scene, service)),
    };
    let room =
        usize::from(area.width).saturating_sub(spans_width(&left).min(usize::from(area.width) / 2));
    let room = room.saturating_sub(2);
    let is_wrong = matches!(&ui.mode, Mode::Typing(typing) if typing.wrong.is_some());
    let right = if is_wrong {
        // What is wrong needs all the room there is.
        Vec::new()
    } else {
        let mut bindings = ui.keymap.working(ui.places());
        let kind = match &ui.mode {
            Mode::Typing(typing) => typing.what.kind(),
            _ => None,
        };
        bindings.retain(|binding| match binding.action {
            Action::GiveName => kind.is_some_and(|kind| Kind::NAMED.contains(&kind)),
            Action::Older => kind.is_some(),
            _ => true,
        });
        let enter = match &ui.mode {
            Mode::Typing(typing) => submits(&typing.what),
            _ => None,
        };
        keys(&bindings, enter, theme, room)
    };
    frame.render_widget(spread(left, right, area.width), area);
}

/// The line that is being typed, with its cursor, and what it finds.
fn typed<'a>(typing: &'a Typing, ui: &Ui, scene: Scene<'_>) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let sign = match &typing.what {
        Asked::Search | Asked::TraceSearch | Asked::DetailsSearch => " / ".to_owned(),
        Asked::LogFilter | Asked::TraceFilter | Asked::NoticeFilter => " only ".to_owned(),
        Asked::Time => " go to ".to_owned(),
        Asked::LinesFile => " write to ".to_owned(),
        Asked::Name { text, .. } => format!(" name of {}: ", text::truncate(text, 40, "…")),
        Asked::Faults { service } => format!(" faults of {service}: "),
        Asked::Command { service } => format!(" run in {service}: "),
    };
    let (before, after) = typing.line.parts();
    let under = after.chars().next().map_or(" ".to_owned(), String::from);
    let rest = after
        .get(after.chars().next().map_or(0, char::len_utf8)..)
        .unwrap_or("");
    let text = theme.style(Role::Strong).not_bold();
    let mut spans = vec![
        Span::styled(sign, theme.style(Role::Accent).bold()),
        Span::styled(before, text),
        Span::styled(under, text.reversed()),
        Span::styled(rest, text),
    ];
    let open = ui.traces.open().filter(|open| open.searched.is_some());
    let (words, role) = match (&typing.wrong, &ui.logs.searching, &typing.what) {
        (Some(wrong), _, _) => (wrong.clone(), Role::Failed),
        (None, Some(searching), Asked::Search) => (
            super::log_head::hits(searching.hits, searching.complete),
            Role::Dim,
        ),
        (None, _, Asked::LinesFile) => (".jsonl: JSON lines, else text".to_owned(), Role::Dim),
        (None, _, Asked::Time) => (time_of_day::EXAMPLE.to_owned(), Role::Dim),
        (None, _, Asked::LogFilter) if typing.line.text().is_empty() => (
            "level>=warn  service=web  ~regex  ?lttrs  text".to_owned(),
            Role::Dim,
        ),
        (None, _, Asked::TraceFilter) if typing.line.text().is_empty() => {
            let words = "status>=500 and ms>100  service=orders  ~checkout  ?chkt  error  grpc=14";
            (words.to_owned(), Role::Dim)
        }
        (None, _, Asked::Command { .. }) if typing.line.text().is_empty() => {
            let words = "ls -l  env | sort; nothing: what the last one printed";
            (words.to_owned(), Role::Dim)
        }
        (None, _, Asked::NoticeFilter) if typing.line.text().is_empty() => {
            let words = "level>=warn  service=web  kind=build,run  ~regex  ?lttrs  text";
            (words.to_owned(), Role::Dim)
        }
        (None, _, Asked::Faults { .. }) => (fault_line::EXAMPLE.to_owned(), Role::Dim),
        (None, _, Asked::DetailsSearch) if !typing.line.text().is_empty() => {
            (hits_in_details(scene, ui), Role::Dim)
        }
        (None, _, Asked::TraceSearch) if open.is_some() => {
            let (hits, of) = open.map_or((0, 0), |open| (open.hits(), open.rows.len()));
            (format!("{hits} of {of} have it"), Role::Dim)
        }
        _ => return spans,
    };
    spans.push(Span::styled(format!("   {words}"), theme.style(role)));
    spans
}

fn hits_in_details(scene: Scene<'_>, ui: &Ui) -> String {
    let service = ui.service(scene.state);
    let sections = service.map(|service| details::sections(scene.into(), service));
    match ui.details.hits(&sections.unwrap_or_default()) {
        1 => "1 line has it".to_owned(),
        hits => format!("{hits} lines have it"),
    }
}

/// How the chosen service stands: which edits are live, or what it is at.
fn standing<'a>(scene: Scene<'_>, service: &'a ServiceState) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let at = |moment| scene.clock.zoned(moment).strftime("%H:%M:%S").to_string();
    let running = match (service.pending, service.live_up_to) {
        (Some(edits), _) => format!("edits up to {} on their way", at(edits.last_save)),
        (None, Some(up_to)) => match service.live_times.last() {
            Some(took) => format!(
                "running edits up to {}, live in {}",
                at(up_to),
                text::duration(*took)
            ),
            None => format!("running edits up to {}", at(up_to)),
        },
        (None, None) => words::sentence(service, scene.now),
    };
    let words = match words::edits(service) {
        Some(edits) => format!("{edits}, u applies them; {running}"),
        None => running,
    };
    vec![
        Span::styled(
            format!(" {}", service.service.name),
            theme.style(Role::Strong),
        ),
        Span::styled(format!("  {words}"), theme.style(Role::Dim)),
    ]
}

/// What `enter` does with what is typed, where that is another thing than to keep it.
fn submits(what: &Asked) -> Option<&'static str> {
    match what {
        Asked::Command { .. } => Some("run it"),
        Asked::Time => Some("go there"),
        Asked::Faults { .. } => Some("set them"),
        Asked::LinesFile => Some("write it"),
        Asked::Name { .. } => Some("name it"),
        Asked::Search
        | Asked::TraceSearch
        | Asked::DetailsSearch
        | Asked::LogFilter
        | Asked::TraceFilter
        | Asked::NoticeFilter => None,
    }
}

/// How little a key may be left out: what leads back is the last, then come the help's own and what ends it all.
fn rank(binding: &Bound) -> Option<u8> {
    match (binding.action, binding.short) {
        (Action::Back | Action::Leave, _) => Some(0),
        (_, "keys") => Some(1),
        (_, "quit") => Some(2),
        _ => None,
    }
}

/// As many keys as there is room for; what leads back is always among them, or the help's own where nothing does.
fn keys<'a>(
    bindings: &[&'a Bound],
    enter: Option<&'static str>,
    theme: &Theme,
    room: usize,
) -> Vec<Span<'a>> {
    let shown = bindings.iter().filter(|binding| !binding.short.is_empty());
    let (mut kept, others): (Vec<&&'a Bound>, Vec<&&'a Bound>) =
        shown.partition(|binding| rank(binding).is_some());
    kept.sort_by_key(|binding| rank(binding));
    let of = |binding: &'a Bound| {
        let word = enter.filter(|_| binding.action == Action::Submit);
        let word = word.unwrap_or(binding.short);
        [
            Span::styled(binding.keys[0].as_str(), theme.style(Role::Accent)),
            Span::styled(format!(" {word}  "), theme.style(Role::Dim)),
        ]
    };
    let mut last: Vec<Span<'a>> = Vec::new();
    for binding in kept {
        let next = of(binding);
        if !last.is_empty() && spans_width(&last) + spans_width(&next) > room {
            break;
        }
        last.extend(next);
    }
    let mut spans = Vec::new();
    for binding in others {
        let next = of(binding);
        if spans_width(&spans) + spans_width(&next) + spans_width(&last) > room {
            break;
        }
        spans.extend(next);
    }
    spans.extend(last);
    spans
}
