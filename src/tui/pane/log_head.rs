//! What stands above the lines of the logs, and in their place where there are none.

use ratatui::text::Span;

use super::Scene;
use crate::stack::ServiceName;
use crate::tui::draw::Title;
use crate::tui::log_view::{LogView, Place, Scope, Window};
use crate::tui::theme::Role;
use crate::tui::words;

/// The title: whose lines, which of them, what is searched for, and whether they are followed.
pub(super) fn head<'a>(
    scene: Scene<'a>,
    view: &'a LogView,
    chosen: Option<&'a ServiceName>,
    window: &Window,
) -> Title<'a> {
    let theme = scene.theme;
    let mut of = match (view.scope, chosen) {
        (Scope::Chosen, Some(name)) => {
            let place = scene.state.services.get_index_of(name).unwrap_or(0);
            vec![Span::styled(name.as_str(), theme.series(place).bold())]
        }
        _ if view.marked.is_empty() => {
            vec![Span::styled("all services", theme.style(Role::Strong))]
        }
        _ => marked(scene, view),
    };
    if !view.shown.typed().is_empty() {
        of.push(Span::styled("  only ", theme.style(Role::Dim)));
        of.push(Span::styled(view.shown.typed(), theme.style(Role::Accent)));
        if view.shown.around() > 0 {
            let around = format!(" ±{}", view.shown.around());
            of.push(Span::styled(around, theme.style(Role::Dim)));
        }
    }
    let mut note = Vec::new();
    if let Some(searching) = &view.searching {
        let hits = match view.shown.context() {
            // What is found around them can be gone to, and is not counted.
            Some(_) => hits_that_pass(searching.hits, searching.complete),
            None => hits(searching.hits, searching.complete),
        };
        note.push(Span::styled(
            format!("/{}  ", searching.text),
            theme.style(Role::Accent),
        ));
        note.push(Span::styled(format!("{hits}   "), theme.style(Role::Dim)));
    }
    let dropped = match (view.scope, chosen) {
        (Scope::Chosen, Some(name)) => scene.telemetry.logs().dropped(name),
        _ => scene.telemetry.logs().dropped_in_all(),
    };
    if dropped > 0 {
        note.push(Span::styled(
            format!("{dropped} oldest dropped   "),
            theme.style(Role::Waiting),
        ));
    }
    note.push(match (view.place, window.new) {
        (Place::Following, _) => Span::styled("following", theme.style(Role::Dim)),
        (Place::Paused { .. }, 0) => Span::styled("paused", theme.style(Role::Waiting)),
        (Place::Paused { .. }, new @ 1..1000) => Span::styled(
            format!("paused, {new} new below"),
            theme.style(Role::Waiting),
        ),
        (Place::Paused { .. }, _) => {
            Span::styled("paused, 999+ new below", theme.style(Role::Waiting))
        }
    });
    Title { of, note }
}

/// The names of the marked services, each in its colour.
fn marked<'a>(scene: Scene<'a>, view: &'a LogView) -> Vec<Span<'a>> {
    let theme = scene.theme;
    let mut names = Vec::new();
    for name in &view.marked {
        if !names.is_empty() {
            names.push(Span::styled(" + ", theme.style(Role::Dim)));
        }
        let place = scene.state.services.get_index_of(name).unwrap_or(0);
        names.push(Span::styled(name.as_str(), theme.series(place).bold()));
    }
    names
}

fn hits_that_pass(hits: usize, complete: bool) -> String {
    match (hits, complete) {
        (0, true) => "no line that passes has it".into(),
        (1, true) => "1 line that passes".into(),
        (hits, true) => format!("{hits} lines that pass"),
        (hits, false) => format!("{hits}+ lines that pass"),
    }
}

/// How many lines a search is in.
pub(in crate::tui) fn hits(hits: usize, complete: bool) -> String {
    match (hits, complete) {
        (0, true) => "no line has it".into(),
        (1, true) => "1 line has it".into(),
        (hits, true) => format!("{hits} lines"),
        (hits, false) => format!("{hits}+ lines"),
    }
}

/// Why there is nothing to see, and what would change that.
pub(super) fn why_empty(
    scene: Scene<'_>,
    view: &LogView,
    chosen: Option<&ServiceName>,
    partial: bool,
) -> String {
    if partial {
        return format!(
            "None of the newest lines passes “{}”; / searches in all.",
            view.shown.typed()
        );
    }
    if !view.shown.typed().is_empty() {
        return format!(
            "No line passes “{}”. f changes the filter.",
            view.shown.typed()
        );
    }
    let service = chosen.and_then(|name| scene.state.services.get(name));
    match (view.scope, service) {
        (Scope::Chosen, Some(service)) => {
            let standing = words::sentence(service, scene.now);
            let name = &service.service.name;
            format!("{name} has said nothing yet ({standing}).")
        }
        _ => "Nobody has said anything yet.".into(),
    }
}
