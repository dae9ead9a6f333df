//! What actions and places are called in a file of keys. These names are stable: people write them down.

use super::{Action, Axis, Side, Where};
use crate::tui::layout::Pane;

/// All actions that a key can have.
const NAMES: &[(Action, &str)] = &[
    (Action::Up, "up"),
    (Action::Down, "down"),
    (Action::PageUp, "page-up"),
    (Action::PageDown, "page-down"),
    (Action::Top, "top"),
    (Action::Bottom, "bottom"),
    (Action::Left, "left"),
    (Action::Right, "right"),
    (Action::NextPane, "next-pane"),
    (Action::PreviousPane, "previous-pane"),
    (Action::Zoom, "zoom"),
    (Action::NextLayout, "next-layout"),
    (Action::Divider(Side::Left), "divider-left"),
    (Action::Divider(Side::Right), "divider-right"),
    (Action::Divider(Side::Up), "divider-up"),
    (Action::Divider(Side::Down), "divider-down"),
    (Action::Divider(Side::Back), "dividers-back"),
    (Action::Back, "back"),
    (Action::Open, "open"),
    (Action::Search, "search"),
    (Action::NextHit, "next-hit"),
    (Action::PreviousHit, "previous-hit"),
    (Action::Filter, "filter"),
    (Action::Problems, "problems"),
    (Action::Fold, "fold"),
    (Action::Unfold, "unfold"),
    (Action::FoldAll, "fold-all"),
    (Action::UnfoldAll, "unfold-all"),
    (Action::Lines, "lines"),
    (Action::MoreContext, "more-context"),
    (Action::LessContext, "less-context"),
    (Action::Older, "older"),
    (Action::Newer, "newer"),
    (Action::GiveName, "give-name"),
    (Action::Named, "named"),
    (Action::Forget, "forget"),
    (Action::ExportLines, "export-lines"),
    (Action::ToLogs, "to-logs"),
    (Action::MarkOrCompare, "mark-or-compare"),
    (Action::BeforeAndAfter, "before-and-after"),
    (Action::Probes, "probes"),
    (Action::Turn, "turn"),
    (Action::Raw, "raw"),
    (Action::Times, "times"),
    (Action::NextError, "next-error"),
    (Action::PreviousError, "previous-error"),
    (Action::NextMark, "next-mark"),
    (Action::PreviousMark, "previous-mark"),
    (Action::MarkLine, "mark-line"),
    (Action::Choose, "choose"),
    (Action::ToTime, "to-time"),
    (Action::MarkService, "mark-service"),
    (Action::Map, "map"),
    (Action::Details, "details"),
    (Action::Merge, "merge"),
    (Action::Wrap, "wrap"),
    (Action::Copy, "copy"),
    (Action::CopyCurl, "copy-curl"),
    (Action::SendAgain, "send-again"),
    (Action::SaveCheck, "save-check"),
    (Action::Export, "export"),
    (Action::Faults, "faults"),
    (Action::Shell, "shell"),
    (Action::Attach, "attach"),
    (Action::RunCommand, "run-command"),
    (Action::Leave, "leave"),
    (Action::EndInside, "end-inside"),
    (Action::Solo, "solo"),
    (Action::Restart, "restart"),
    (Action::Rebuild, "rebuild"),
    (Action::StopOrStart, "stop-or-start"),
    (Action::Hold, "hold"),
    (Action::EditMode, "edit-mode"),
    (Action::Edit, "edit"),
    (Action::Apply, "apply"),
    (Action::ApplyAll, "apply-all"),
    (Action::Palette, "palette"),
    (Action::Help, "help"),
    (Action::Mouse, "mouse"),
    (Action::NextTheme, "next-theme"),
    (Action::Redraw, "redraw"),
    (Action::Suspend, "suspend"),
    (Action::Quit, "quit"),
    (Action::Interrupt, "interrupt"),
    (Action::Submit, "submit"),
    (Action::Axis(Axis::Closer), "axis-closer"),
    (Action::Axis(Axis::Wider), "axis-wider"),
    (Action::Axis(Axis::Whole), "axis-whole"),
    (Action::Axis(Axis::Earlier), "axis-earlier"),
    (Action::Axis(Axis::Later), "axis-later"),
    (Action::Focus(Pane::Services), "pane-services"),
    (Action::Focus(Pane::Logs), "pane-logs"),
    (Action::Focus(Pane::Traces), "pane-traces"),
    (Action::Focus(Pane::Health), "pane-health"),
    (Action::Focus(Pane::Build), "pane-build"),
    (Action::Focus(Pane::Timeline), "pane-timeline"),
    (Action::Focus(Pane::Notices), "pane-notices"),
    (Action::OtherService(1), "next-service"),
    (Action::OtherService(-1), "previous-service"),
];

impl Action {
    /// Its name.
    pub(in crate::tui) fn name(self) -> &'static str {
        let named = NAMES.iter().find(|(action, _)| *action == self);
        // A test holds that every action of the table has one.
        named.map_or("", |(_, name)| name)
    }

    /// The action that is called so.
    pub(super) fn named(name: &str) -> Option<Self> {
        let named = NAMES.iter().find(|(_, known)| *known == name);
        named.map(|(action, _)| *action)
    }

    /// The action whose name is most like this.
    pub(super) fn nearest(name: &str) -> &'static str {
        let likeness = |known: &str| strsim::jaro_winkler(known, name);
        let names = NAMES.iter().map(|(_, known)| *known);
        let nearest = names.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        nearest.unwrap_or_default()
    }
}

impl Where {
    /// All places, in the order of the table.
    pub(super) const ALL: [Self; 18] = [
        Self::Services,
        Self::Logs,
        Self::Traces,
        Self::Trace,
        Self::Compare,
        Self::Map,
        Self::Details,
        Self::Stats,
        Self::Timeline,
        Self::Notices,
        Self::Panes,
        Self::Help,
        Self::Inside,
        Self::Left,
        Self::Palette,
        Self::Named,
        Self::Prompt,
        Self::Always,
    ];

    /// Its name.
    pub(in crate::tui) fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Panes => "panes",
            Self::Services => "services",
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Trace => "trace",
            Self::Compare => "compare",
            Self::Map => "map",
            Self::Details => "details",
            Self::Stats => "use",
            Self::Timeline => "timeline",
            Self::Notices => "notices",
            Self::Prompt => "prompt",
            Self::Palette => "palette",
            Self::Named => "named",
            Self::Help => "help",
            Self::Inside => "inside",
            Self::Left => "left",
        }
    }
}
