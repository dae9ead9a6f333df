//! What keys do in the details: all about one service, and what all of them use.

use super::{Known, Wish};
use crate::text;
use crate::tui::details::{self, Section, Source};
use crate::tui::details_view::Tab;
use crate::tui::draw::body_width;
use crate::tui::keys::Action;
use crate::tui::layout::Pane;
use crate::tui::pane::details::fact_at;
use crate::tui::pane::stats::service_at;
use crate::tui::trace_view::moved;
use crate::tui::ui::Ui;

impl<'a> From<Known<'a>> for Source<'a> {
    fn from(known: Known<'a>) -> Self {
        Self {
            state: known.state,
            telemetry: known.telemetry,
            clock: known.clock,
            now: known.clock.now(),
        }
    }
}

/// Does what a key of the pane asks for.
pub(super) fn act(ui: &mut Ui, known: Known<'_>, action: Action) {
    match action {
        Action::OtherService(by) => other_service(ui, known, by),
        _ => toggle(ui),
    }
}

/// Shows the details alone; from there, the other of the two tabs.
fn toggle(ui: &mut Ui) {
    if ui.focus != Pane::Details {
        show(ui);
        return;
    }
    ui.details.tab = match ui.details.tab {
        Tab::About => Tab::Stats,
        Tab::Stats => Tab::About,
    };
}

/// Shows all about the chosen service, alone.
fn show(ui: &mut Ui) {
    if ui.focus != Pane::Details {
        ui.leave();
        ui.show_alone(Pane::Details);
    }
    ui.details.tab = Tab::About;
}

/// Forgets what was searched for; false if that is nothing.
pub(super) fn back(ui: &mut Ui) -> bool {
    let searches = ui.focus == Pane::Details && !ui.details.searched.is_empty();
    if searches {
        ui.details.searched.clear();
    }
    searches
}

/// The facts of the chosen service.
pub(super) fn sections(ui: &Ui, known: Known<'_>) -> Vec<Section> {
    let service = ui.service(known.state);
    service.map_or_else(Vec::new, |service| details::sections(known.into(), service))
}

/// Moves the cursor: among facts, or among services.
pub(super) fn go(ui: &mut Ui, known: Known<'_>, by: isize) {
    match ui.details.tab {
        Tab::About => {
            let sections = sections(ui, known);
            let many = sections.iter().map(|section| section.facts.len()).sum();
            ui.details.cursor = moved(ui.details.cursor, by, many);
        }
        Tab::Stats => other_service(ui, known, by),
    }
}

/// The service so many further on in the list.
fn other_service(ui: &mut Ui, known: Known<'_>, by: isize) {
    let at = moved(ui.index(known.state), by, known.state.services.len());
    ui.choose(known.state, at);
}

/// To the service that the chosen line is about; from the use of all, to all about one.
pub(super) fn open(ui: &mut Ui, known: Known<'_>) {
    if ui.details.tab == Tab::Stats {
        ui.details.tab = Tab::About;
        return;
    }
    let sections = sections(ui, known);
    let mut facts = sections.iter().flat_map(|section| &section.facts);
    let leads_to = facts
        .nth(ui.details.cursor)
        .and_then(|fact| fact.leads_to.as_ref());
    match leads_to.and_then(|name| known.state.services.get_index_of(name)) {
        Some(at) => ui.choose(known.state, at),
        None => ui.said = Some("this line leads nowhere; y copies it".into()),
    }
}

/// The value of the chosen line; of the use of all, that of the chosen service in words.
pub(super) fn copy(ui: &mut Ui, known: Known<'_>) -> Option<Wish> {
    let copied = match ui.details.tab {
        Tab::About => {
            let sections = sections(ui, known);
            let mut facts = sections.iter().flat_map(|section| &section.facts);
            facts.nth(ui.details.cursor)?.copy().to_owned()
        }
        Tab::Stats => used(ui, known)?,
    };
    let shown = text::plain(copied.as_bytes());
    ui.said = Some(format!("copied: {}", text::truncate(&shown, 200, "…")));
    Some(Wish::Copy(copied))
}

/// `orders: cpu 3.4 %, memory 41 MB …`
fn used(ui: &Ui, known: Known<'_>) -> Option<String> {
    let service = ui.service(known.state)?;
    let gauges = crate::tui::use_of::gauges(known.telemetry, service);
    let words: Vec<String> = gauges
        .iter()
        .filter_map(|gauge| Some(format!("{} {}", gauge.name, gauge.newest.as_ref().ok()?)))
        .collect();
    let words = if words.is_empty() {
        "nothing measured".to_owned()
    } else {
        words.join(", ")
    };
    Some(format!("{}: {words}", service.service.name))
}

/// Looks for this while it is typed.
pub(super) fn search(ui: &mut Ui, known: Known<'_>, searched: &str) -> Result<(), String> {
    let sections = sections(ui, known);
    searched.clone_into(&mut ui.details.searched);
    if searched.is_empty() || ui.details.find(&sections, true, false) {
        return Ok(());
    }
    Err("stands nowhere here".into())
}

/// The next line in which what is searched stands, or the one before.
pub(super) fn hit(ui: &mut Ui, known: Known<'_>, forward: bool) {
    if ui.details.searched.is_empty() {
        ui.said = Some("nothing is searched for; / begins".into());
        return;
    }
    let sections = sections(ui, known);
    if !ui.details.find(&sections, forward, true) {
        ui.said = Some(format!("{} stands nowhere here", ui.details.searched));
    }
}

/// Chooses what stands in this line of the pane.
pub(super) fn click(ui: &mut Ui, known: Known<'_>, line: usize) {
    let rows = ui.rows(Pane::Details);
    if ui.details.tab == Tab::Stats {
        let services = known.state.services.len();
        if let Some(at) = service_at((rows, ui.index(known.state), services), line) {
            ui.choose(known.state, at);
        }
        return;
    }
    let area = ui.layout.area(Pane::Details).unwrap_or_default();
    let room = usize::from(body_width(area.width));
    let sections = sections(ui, known);
    if let Some(fact) = fact_at(&sections, &ui.details, (room, rows), line) {
        ui.details.cursor = fact;
    }
}
