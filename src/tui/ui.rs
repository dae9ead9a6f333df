//! What only the screen knows: where the person is, and what is being typed.

use serde::{Deserialize, Serialize};

use crate::engine::{ServiceState, State};
use crate::stack::ServiceName;
use crate::telemetry::terminals::Key;

use super::details_view::{DetailsView, Tab};
use super::keys::{Keymap, Where};
use super::layout::divide::{Dividers, Grip};
use super::layout::{Layout, Pane, Wish};
use super::log_view::LogView;
use super::notices::Notices;
use super::prompt::Line;
use super::timeline_view::TimelineView;
use super::trace_view::{Opened, TraceView};
use super::trail::Trail;
use super::typed::{Kind, Typed};
use super::update::Past;

/// What the keys go to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Mode {
    /// The panes.
    #[default]
    Panes,
    /// A line that is being typed.
    Typing(Typing),
    /// The palette.
    Palette { line: Line, chosen: usize },
    /// The list of filters and searches that have a name or were typed.
    Named { line: Line, chosen: usize },
    /// The help, scrolled down by so many lines.
    Help { scrolled: usize },
    /// The terminal inside a service.
    Inside(Key),
}

/// A line that is being typed, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typing {
    pub(super) line: Line,
    pub(super) what: Asked,
    /// What stood there before, to return to.
    pub(super) before: String,
    /// What is wrong with it so far.
    pub(super) wrong: Option<String>,
    /// Where the person is in what was typed before.
    pub(super) past: Option<Past>,
}

/// What is asked for in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// What to search the logs for.
    Search,
    /// Which log lines to show.
    LogFilter,
    /// Which time to go to in the logs.
    Time,
    /// Which traces to show.
    TraceFilter,
    /// Which notices to show.
    NoticeFilter,
    /// What to search a trace for.
    TraceSearch,
    /// What to search the details for.
    DetailsSearch,
    /// What is to be done on purpose to requests for a service.
    Faults { service: ServiceName },
    /// Which command to run inside a service.
    Command { service: ServiceName },
    /// Into which file to write the lines that are shown.
    LinesFile,
    /// How a filter or a search shall be called.
    Name { kind: Kind, text: String },
}

impl Asked {
    /// As what a line is remembered, if it is.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Search => Kind::LogSearch,
            Self::LogFilter => Kind::LogFilter,
            Self::Time => Kind::Time,
            Self::TraceFilter => Kind::TraceFilter,
            Self::NoticeFilter => Kind::NoticeFilter,
            Self::TraceSearch => Kind::TraceSearch,
            Self::DetailsSearch => Kind::DetailsSearch,
            Self::Faults { .. } => Kind::Faults,
            Self::Command { .. } => Kind::Command,
            Self::LinesFile | Self::Name { .. } => return None,
        })
    }
}

/// Which panes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Zoom {
    /// As many as there is room for.
    #[default]
    Overview,
    /// The services and the one in focus.
    Focus,
    /// The one in focus.
    Alone,
}

/// What stands in the place that logs, build and details share where there is no room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Shared {
    #[default]
    Logs,
    Build,
    Details,
}

impl Shared {
    /// The pane that it is.
    pub(super) fn pane(self) -> Pane {
        match self {
            Self::Logs => Pane::Logs,
            Self::Build => Pane::Build,
            Self::Details => Pane::Details,
        }
    }
}

/// Whose the mouse is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mouse {
    /// Clicks and the wheel come here.
    #[default]
    Ours,
    /// The terminal selects text with it.
    Terminals,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Ui {
    /// Which key does what.
    pub(super) keymap: Keymap,
    pub(super) chosen: Option<ServiceName>,
    pub(super) focus: Pane,
    pub(super) zoom: Zoom,
    /// The layout that is seen again when a pane is alone no more.
    pub(super) unzoomed: Zoom,
    pub(super) shared: Shared,
    pub(super) mode: Mode,
    pub(super) mouse: Mouse,
    pub(super) logs: LogView,
    pub(super) traces: TraceView,
    pub(super) details: DetailsView,
    pub(super) notices: Notices,
    pub(super) timeline: TimelineView,
    pub(super) typed: Typed,
    /// Lines scrolled down in the build and the health pane.
    pub(super) build_scrolled: usize,
    pub(super) health_scrolled: usize,
    /// The jumps that led to where the person is.
    pub(super) trail: Trail,
    /// Where the person put what divides the panes.
    pub(super) dividers: Dividers,
    /// The divider that the mouse holds.
    pub(super) held: Option<Grip>,
    /// Whether the mouse is being drawn over lines of the log.
    pub(super) dragging: bool,
    /// What was just done, in words; until the next key.
    pub(super) said: Option<String>,
    /// The terminal that was left with the key before.
    pub(super) left: Option<Key>,
    /// The last key went to a program, and nothing else came of it.
    pub(super) forwarded: bool,
    /// Where everything stands on the screen as it was drawn last.
    pub(super) layout: Layout,
}

impl Ui {
    /// The screen as it is found at first.
    pub(super) fn new(mouse: Mouse) -> Self {
        Self {
            keymap: Keymap::default(),
            chosen: None,
            focus: Pane::Services,
            zoom: Zoom::default(),
            unzoomed: Zoom::default(),
            shared: Shared::default(),
            mode: Mode::default(),
            mouse,
            logs: LogView::default(),
            traces: TraceView::default(),
            details: DetailsView::default(),
            notices: Notices::default(),
            timeline: TimelineView::default(),
            typed: Typed::default(),
            build_scrolled: 0,
            health_scrolled: 0,
            trail: Trail::default(),
            dividers: Dividers::default(),
            held: None,
            dragging: false,
            said: None,
            left: None,
            forwarded: false,
            layout: Layout::default(),
        }
    }

    /// Keeps the choice within what there is.
    pub(super) fn settle(&mut self, state: &State) {
        let is_there = |name: &ServiceName| state.services.contains_key(name);
        self.logs.marked.retain(is_there);
        if !self.chosen.as_ref().is_some_and(is_there) {
            self.chosen = state.services.keys().next().cloned();
        }
    }

    /// The chosen service.
    pub(super) fn service<'a>(&self, state: &'a State) -> Option<&'a ServiceState> {
        state.services.get(self.chosen.as_ref()?)
    }

    /// The place of the chosen service in the list.
    pub(super) fn index(&self, state: &State) -> usize {
        let chosen = self.chosen.as_ref();
        let place = chosen.and_then(|name| state.services.get_index_of(name));
        place.unwrap_or(0)
    }

    /// Chooses the service at this place of the list.
    pub(super) fn choose(&mut self, state: &State, at: usize) {
        let Some((name, _)) = state.services.get_index(at) else {
            return;
        };
        if self.chosen.as_ref() != Some(name) {
            self.chosen = Some(name.clone());
            self.build_scrolled = 0;
            self.health_scrolled = 0;
            self.details.cursor = 0;
            if self.logs.scope == super::log_view::Scope::Chosen {
                self.logs.follow();
            }
        }
    }

    /// Where keys are looked for, the nearest place first.
    pub(super) fn places(&self) -> &'static [Where] {
        match &self.mode {
            Mode::Typing(_) => &[Where::Prompt, Where::Always],
            Mode::Palette { .. } => &[Where::Palette, Where::Always],
            Mode::Named { .. } => &[Where::Named, Where::Palette, Where::Always],
            Mode::Help { .. } => &[Where::Help, Where::Always],
            Mode::Inside(_) => &[Where::Inside],
            Mode::Panes => self.places_of_panes(),
        }
    }

    /// The same, for the panes below whatever covers them.
    pub(super) fn places_of_panes(&self) -> &'static [Where] {
        match self.focus {
            Pane::Logs => &[Where::Logs, Where::Panes, Where::Always],
            Pane::Traces => match &self.traces.opened {
                Opened::List => &[Where::Traces, Where::Panes, Where::Always],
                Opened::Trace(_) => &[Where::Trace, Where::Panes, Where::Always],
                Opened::Compare(_) => &[Where::Compare, Where::Panes, Where::Always],
                Opened::Map => &[Where::Map, Where::Panes, Where::Always],
            },
            Pane::Timeline => &[Where::Timeline, Where::Panes, Where::Always],
            Pane::Notices => &[Where::Notices, Where::Panes, Where::Always],
            Pane::Services => &[Where::Services, Where::Panes, Where::Always],
            Pane::Details => match self.details.tab {
                Tab::About => &[Where::Details, Where::Panes, Where::Always],
                Tab::Stats => &[Where::Stats, Where::Panes, Where::Always],
            },
            Pane::Health | Pane::Build => &[Where::Panes, Where::Always],
        }
    }

    /// What the layout depends on.
    pub(super) fn wish(&self, state: &State, banner: usize) -> Wish {
        let count = |many: usize| u16::try_from(many).unwrap_or(u16::MAX / 2);
        Wish {
            focus: self.focus,
            zoom: self.zoom,
            dividers: self.dividers,
            upper: self.shared,
            services: count(state.services.len()),
            banner: count(banner),
            inside: matches!(self.mode, Mode::Inside(_)),
        }
    }

    /// Rows of a pane below its title, as it was drawn last.
    pub(super) fn rows(&self, pane: Pane) -> usize {
        let area = self.layout.area(pane);
        area.map_or(1, |area| usize::from(area.height.saturating_sub(1)).max(1))
    }
}
