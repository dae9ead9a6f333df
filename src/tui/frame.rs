//! One frame: every piece of the screen in its place.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Block;

use super::builds::Builds;
use super::details_view::Tab;
use super::layout::{Layout, Pane, layout};
use super::palette;
use super::pane::{self, Scene};
use super::trace_view::Opened;
use super::ui::{Mode, Ui};

/// Where everything stands on a screen of this size.
pub(super) fn arrange(screen: Rect, scene: Scene<'_>, ui: &Ui) -> Layout {
    let banner = pane::banner::words(scene.state).len();
    layout(screen, ui.wish(scene.state, banner))
}

/// Draws the screen; `ui.layout` says where.
pub(super) fn render(frame: &mut Frame<'_>, scene: Scene<'_>, ui: &Ui, builds: &Builds) {
    let screen = frame.area();
    let layout = &ui.layout;
    frame.render_widget(Block::new().style(scene.theme.base()), screen);
    pane::header::render(frame, layout.header, scene);
    pane::banner::render(
        frame,
        layout.banner,
        &pane::banner::words(scene.state),
        scene,
    );
    pane::tabs::render(frame, layout.tabs, ui.focus, scene.theme);
    for (pane, area) in &layout.panes {
        render_pane(frame, *pane, *area, scene, ui, builds);
    }
    if let Mode::Inside(key) = &ui.mode {
        pane::inside::render(frame, layout.inside, scene, key);
    }
    pane::footer::render(frame, layout.footer, scene, ui);
    match &ui.mode {
        Mode::Palette { line, chosen } => {
            let found = palette::found(line.text(), scene.state, &ui.keymap, &ui.typed);
            let words = &pane::palette::ACTIONS;
            pane::palette::render(frame, screen, words, line, &found, *chosen, scene.theme);
        }
        Mode::Named { line, chosen } => {
            let found = palette::named(line.text(), &ui.typed);
            let words = &pane::palette::NAMED;
            pane::palette::render(frame, screen, words, line, &found, *chosen, scene.theme);
        }
        Mode::Help { scrolled } => {
            let places = ui.places_of_panes();
            pane::help::render(frame, screen, (&ui.keymap, places), *scrolled, scene.theme);
        }
        Mode::Panes | Mode::Typing(_) | Mode::Inside(_) => {}
    }
}

fn render_pane(
    frame: &mut Frame<'_>,
    pane: Pane,
    area: Rect,
    scene: Scene<'_>,
    ui: &Ui,
    builds: &Builds,
) {
    let place = ui.index(scene.state);
    let service = ui.service(scene.state).map(|service| (place, service));
    let chosen = ui.chosen.as_ref();
    // While somebody is inside a service, no pane beside it is worked in: the logs are never there.
    let focus = match ui.mode {
        Mode::Inside(_) => Pane::Logs,
        _ => ui.focus,
    };
    match pane {
        Pane::Services => {
            let marked = &ui.logs.marked;
            pane::services::render(frame, area, scene, place, marked, focus);
        }
        Pane::Health => {
            pane::health::render(frame, area, scene, service, ui.health_scrolled, focus);
        }
        Pane::Build => {
            let story = chosen.and_then(|name| builds.of(name));
            let scrolled = ui.build_scrolled;
            pane::build::render(frame, area, scene, service, story, scrolled, focus);
        }
        Pane::Details => match ui.details.tab {
            Tab::About => {
                pane::details::render(frame, area, scene, service, &ui.details, focus);
            }
            Tab::Stats => pane::stats::render(frame, area, scene, place, focus),
        },
        Pane::Timeline => pane::timeline::render(frame, area, scene, &ui.timeline, place, focus),
        Pane::Notices => pane::notices::render(frame, area, scene, &ui.notices, focus),
        Pane::Logs => pane::logs::render(frame, area, scene, &ui.logs, chosen, focus),
        Pane::Traces => match &ui.traces.opened {
            Opened::List => pane::traces::render(frame, area, scene, &ui.traces, focus),
            Opened::Trace(open) => pane::waterfall::render(frame, area, scene, open, focus),
            Opened::Compare(view) => pane::compare::render(frame, area, scene, view, focus),
            Opened::Map => pane::map::render(frame, area, scene, chosen, focus),
        },
    }
}
