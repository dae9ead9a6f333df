//! One service of the map: how it is, what it waits for, what enters it, and its edges.

use ratatui::text::{Line, Span};

use super::Scene;
use crate::engine::{ServiceState, Status};
use crate::stack::{Condition, ServiceName};
use crate::telemetry::{EdgeRates, Rates};
use crate::text;
use crate::tui::draw::{by_words, clip, spread};
use crate::tui::service_map::{MapEdge, MapNode};
use crate::tui::theme::{Role, Theme};
use crate::tui::words;

/// A service in lines: symbol, name and state; what it waits for; what enters it from outside; its edges.
pub(super) fn card(
    scene: Scene<'_>,
    node: &MapNode,
    layer: usize,
    room: u16,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let columns = usize::from(room);
    let service = scene.state.services.get(&node.name);
    let mut name = name(scene, &node.name);
    let mut card = Vec::new();
    let standing = service.map(|service| standing(scene, service));
    let (word, waits) = standing.unwrap_or_else(|| ("not in the stack file".into(), false));
    if !waits {
        name.push(Span::styled(format!("  {word}"), theme.style(Role::Dim)));
    }
    let place = Span::styled(format!("layer {layer}"), theme.style(Role::Dim));
    card.push(spread(name, vec![place], room));
    if waits {
        let status = service.map_or(Status::Waiting, ServiceState::status);
        let rows = by_words(&word, columns.saturating_sub(2)).into_iter();
        card.extend(rows.take(3).map(|row| {
            let why = Span::styled(row, theme.status(status));
            Line::from(clip(vec![Span::raw("  "), why], columns))
        }));
    }
    if let Some(entered) = &node.entered {
        let words = Span::styled("⇢ outside ", theme.style(Role::Dim));
        let mut spans = vec![Span::raw(" "), words];
        spans.extend(fault(scene, None, &node.name));
        spans.extend(traffic(entered, theme));
        card.push(Line::from(clip(spans, columns)));
    }
    let width = node
        .calls
        .iter()
        .map(|call| text::width(call.callee.as_str()));
    let width = width.max().unwrap_or(0).min(18);
    for (at, call) in node.calls.iter().enumerate() {
        let branch = if at + 1 == node.calls.len() {
            " └"
        } else {
            " ├"
        };
        let spans = edge(scene, &node.name, call, branch, width);
        card.push(Line::from(clip(spans, columns)));
    }
    card
}

/// Symbol and name of a service.
pub(super) fn name(scene: Scene<'_>, name: &ServiceName) -> Vec<Span<'static>> {
    let theme = scene.theme;
    let place = scene.state.services.get_index_of(name);
    let status = scene.state.services.get(name).map(ServiceState::status);
    let symbol = status.map_or(Span::raw("? "), |status| {
        Span::styled(format!("{} ", words::symbol(status)), theme.status(status))
    });
    let style = theme.series(place.unwrap_or(0)).bold();
    vec![symbol, Span::styled(name.to_string(), style)]
}

/// What a service is at in words, and whether that is more than a word: what it waits for, or why it failed.
pub(super) fn standing(scene: Scene<'_>, service: &ServiceState) -> (String, bool) {
    let is_calm = matches!(
        service.status(),
        Status::Ready | Status::Completed | Status::Stopped
    );
    (words::sentence(service, scene.now), !is_calm)
}

/// Who calls a service, as its edges are seen from the other end.
pub(super) fn callers(
    scene: Scene<'_>,
    nodes: &[MapNode],
    of: &ServiceName,
    room: u16,
) -> Vec<Line<'static>> {
    let theme = scene.theme;
    let edges = nodes.iter().flat_map(|node| {
        let to_it = node.calls.iter().filter(|call| call.callee == *of);
        to_it.map(move |call| (&node.name, call))
    });
    let line = |(caller, call): (&ServiceName, &MapEdge)| {
        let mut spans = vec![
            Span::styled(" ◂ by ", theme.style(Role::Dim)),
            Span::styled(caller.to_string(), {
                let place = scene.state.services.get_index_of(caller);
                theme.series(place.unwrap_or(0))
            }),
            Span::raw(" "),
        ];
        spans.extend(fault(scene, Some(caller), of));
        spans.extend(seen(call, theme));
        Line::from(clip(spans, usize::from(room)))
    };
    edges.map(line).collect()
}

/// One edge: a full arrow if the stack file has it and it was seen, a hollow one if the stack file alone has it, a double
/// one if it was seen and the stack file does not have it, and a square end if it is for the order alone.
fn edge(
    scene: Scene<'_>,
    caller: &ServiceName,
    call: &MapEdge,
    branch: &'static str,
    width: usize,
) -> Vec<Span<'static>> {
    let theme = scene.theme;
    let arrow = match (call.order, call.declared, call.seen.is_some()) {
        (Some(_), _, false) => "╌□ ",
        (_, true, true) => "─▶ ",
        (_, true, false) => "╌▷ ",
        (_, false, _) => "═▶ ",
    };
    let place = scene.state.services.get_index_of(&call.callee);
    let name = text::pad(text::cut(call.callee.as_str(), width), width);
    let mut spans = vec![
        Span::styled(branch, theme.style(Role::Border)),
        Span::styled(arrow, theme.style(Role::Dim)),
        Span::styled(name, theme.series(place.unwrap_or(0))),
        Span::raw(" "),
    ];
    spans.extend(fault(scene, Some(caller), &call.callee));
    spans.extend(seen(call, theme));
    spans
}

/// What passed over an edge, and what the stack file says of it where the two differ.
fn seen(call: &MapEdge, theme: &Theme) -> Vec<Span<'static>> {
    let dim = theme.style(Role::Dim);
    let Some(seen) = &call.seen else {
        let words = match call.order {
            Some(Condition::Completed) => "completes first",
            Some(Condition::Started) => "starts first",
            Some(Condition::Ready) => "is ready first",
            None => "declared, not observed",
        };
        return vec![Span::styled(words, dim)];
    };
    let mut spans = Vec::new();
    if !call.declared {
        spans.push(Span::styled("+ ", theme.style(Role::Waiting).bold()));
    }
    spans.extend(traffic(seen, theme));
    if !call.declared {
        let words = " observed, not declared";
        spans.push(Span::styled(words, theme.style(Role::Waiting)));
    }
    spans
}

/// The sign of something that is done on purpose to the requests of an edge.
fn fault(scene: Scene<'_>, from: Option<&ServiceName>, to: &ServiceName) -> Option<Span<'static>> {
    let mut faults = scene.state.faults.of(to).iter();
    faults
        .any(|fault| fault.concerns(from))
        .then(|| Span::styled("↯ ", scene.theme.style(Role::Waiting).bold()))
}

/// How often, how fast, how well; or how often in all, if nothing passed lately.
fn traffic(edge: &EdgeRates, theme: &Theme) -> Vec<Span<'static>> {
    let rates = &edge.rates;
    if rates.requests == 0 {
        return vec![Span::styled(
            format!("quiet, {} in all", edge.seen),
            theme.style(Role::Dim),
        )];
    }
    let mut spans = vec![Span::styled(
        format!("{}/s ", per_second(rates)),
        theme.style(Role::Text),
    )];
    if rates.errors > 0.0 {
        spans.push(Span::styled(
            format!("✗{:.0} % ", (rates.errors * 100.0).max(1.0)),
            theme.style(Role::Failed).bold(),
        ));
    }
    spans.push(Span::styled(times(rates), theme.style(Role::Dim)));
    spans
}

/// Both times, the unit once if it is the same.
fn times(rates: &Rates) -> String {
    let (p50, p95) = (text::duration(rates.p50), text::duration(rates.p95));
    match (p50.split_once(' '), p95.split_once(' ')) {
        (Some((half, unit)), Some((_, same))) if unit == same => format!("{half}/{p95}"),
        _ => format!("{p50}/{p95}"),
    }
}

fn per_second(rates: &Rates) -> String {
    if rates.per_second < 9.95 {
        format!("{:.1}", rates.per_second)
    } else {
        format!("{:.0}", rates.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_and_its_unit_stay_together() {
        let sentence = "waits for db: not healthy yet, 3.2 s";
        assert_eq!(
            by_words(sentence, 33),
            ["waits for db: not healthy yet,", "3.2 s"]
        );
        assert_eq!(by_words(sentence, 90), [sentence]);
        assert_eq!(by_words("waiting", 3), ["waiting"]);
        assert_eq!(by_words("", 0), [""]);
    }
}
