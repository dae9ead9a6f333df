//! The table of keys, from which dispatch, help, footer and palette are made.

mod file;
mod keymap;
mod names;
mod typed;

pub(super) use file::{own_file, template};
pub(super) use keymap::{Bound, Keymap};
pub(super) use typed::key_name;

use super::layout::Pane;

/// What a person can ask of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Left,
    Right,
    Axis(Axis),
    NextPane,
    PreviousPane,
    Focus(Pane),
    Zoom,
    NextLayout,
    Divider(Side),
    Back,
    Open,
    Search,
    NextHit,
    PreviousHit,
    Filter,
    Problems,
    Fold,
    Unfold,
    FoldAll,
    UnfoldAll,
    Lines,
    ToLogs,
    MarkOrCompare,
    BeforeAndAfter,
    Probes,
    Turn,
    Raw,
    Times,
    NextError,
    PreviousError,
    NextMark,
    PreviousMark,
    MarkLine,
    MoreContext,
    LessContext,
    Choose,
    ToTime,
    MarkService,
    Map,
    Details,
    OtherService(isize),
    Merge,
    Wrap,
    Copy,
    CopyCurl,
    SendAgain,
    SaveCheck,
    Export,
    ExportLines,
    Faults,
    Shell,
    Attach,
    RunCommand,
    Leave,
    EndInside,
    Solo,
    Restart,
    Rebuild,
    StopOrStart,
    Hold,
    EditMode,
    Edit,
    Apply,
    ApplyAll,
    Palette,
    Older,
    Newer,
    GiveName,
    Named,
    Forget,
    Help,
    Mouse,
    NextTheme,
    Redraw,
    Suspend,
    Quit,
    Interrupt,
    Submit,
}

/// What can be asked of the axis of the timeline alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    Closer,
    Wider,
    Whole,
    Earlier,
    Later,
}

/// Where a divider is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    Left,
    Right,
    Up,
    Down,
    /// Where it is usually.
    Back,
}

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Where {
    /// Whatever is shown.
    Always,
    /// While panes are worked in.
    Panes,
    /// In the list of services.
    Services,
    /// In the logs.
    Logs,
    /// In the list of traces.
    Traces,
    /// In one trace.
    Trace,
    /// In two traces that are compared.
    Compare,
    /// In the map of services.
    Map,
    /// In all about one service.
    Details,
    /// In what all services use.
    Stats,
    /// On the axis of time.
    Timeline,
    /// In what was told.
    Notices,
    /// While text is typed.
    Prompt,
    /// In the palette.
    Palette,
    /// In the list of filters and searches.
    Named,
    /// In the help.
    Help,
    /// In a terminal inside a service.
    Inside,
    /// Right after leaving one.
    Left,
}

impl Where {
    /// The place in words, as a heading of the help.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Panes => "Everywhere",
            Self::Services => "Services",
            Self::Logs => "Logs",
            Self::Traces => "Traces",
            Self::Trace => "One trace",
            Self::Compare => "Two traces",
            Self::Map => "Map",
            Self::Details => "Details",
            Self::Stats => "Use",
            Self::Timeline => "Timeline",
            Self::Notices => "Notices",
            Self::Prompt => "Typing",
            Self::Palette => "Palette",
            Self::Named => "Filters and searches",
            Self::Help => "Help",
            Self::Inside => "Inside a service",
            Self::Left => "Right after leaving",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding {
    /// Names of the keys, as [`key_name`] gives them; the first is the one that is shown.
    pub(super) keys: &'static [&'static str],
    /// What they do.
    pub(super) action: Action,
    /// That in words, for help and palette.
    pub(super) words: &'static str,
    /// One word for the footer; empty: not shown there.
    pub(super) short: &'static str,
    /// Where they do it.
    pub(super) at: Where,
}

macro_rules! keys {
    ($($at:ident { $([$($key:literal)+] $action:expr, $words:literal $(, $short:literal)?;)+ })+) => {
        &[$($(Binding {
            keys: &[$($key),+],
            action: $action,
            words: $words,
            short: concat!($($short)?),
            at: Where::$at,
        }),+),+]
    };
}

/// Every key.
pub(super) const KEYS: &[Binding] = keys! {
    Services {
        ["enter"] Action::Open, "to its logs, or to its failed build", "open";
        ["space"] Action::MarkService, "read its logs together with those of other marked services", "mark";
    }
    Logs {
        ["/"] Action::Search, "search in the logs", "search";
        ["n"] Action::NextHit, "next hit";
        ["N"] Action::PreviousHit, "hit before";
        ["f"] Action::Filter, "filter the logs", "filter";
        ["e"] Action::Problems, "only warnings and errors, or all", "problems";
        ["+" "="] Action::MoreContext, "more lines around what the filter finds";
        ["-"] Action::LessContext, "fewer lines around what the filter finds";
        ["}"] Action::NextError, "next error";
        ["{"] Action::PreviousError, "error before";
        ["o"] Action::Turn, "unfold the lines of a message or its JSON, or fold them", "unfold";
        ["]"] Action::UnfoldAll, "unfold everything";
        ["["] Action::FoldAll, "fold everything";
        ["x"] Action::Raw, "lines as they came, or set out for reading", "raw";
        ["l"] Action::Merge, "all services or the marked ones, or the chosen one", "merge";
        ["d"] Action::Times, "when each line came, how long after the one above it, or neither";
        ["@"] Action::ToTime, "go to a time";
        ["M"] Action::MarkLine, "mark the line, or take its mark away";
        [">"] Action::NextMark, "next mark: of a run, a build, or made by hand";
        ["<"] Action::PreviousMark, "mark before";
        ["w"] Action::Wrap, "wrap long lines, or cut them";
        ["left" "H"] Action::Left, "scroll left";
        ["right" "L"] Action::Right, "scroll right";
        ["enter"] Action::Open, "to the trace of the line", "trace";
        ["v"] Action::Choose, "choose several lines, to be copied";
        ["y"] Action::Copy, "copy the line, or those that are chosen", "copy";
        ["ctrl-e"] Action::Edit, "open the file that the line names in your editor, or else the lines";
        ["X"] Action::ExportLines, "write the lines that are shown, or those that are chosen, to a file";
    }
    Trace {
        ["esc"] Action::Back, "back to where you came from", "back";
        ["enter"] Action::Open, "all of the chosen request, alone", "details";
        ["left" "-"] Action::Fold, "fold what is below", "fold";
        ["right" "+"] Action::Unfold, "unfold what is below";
        ["["] Action::FoldAll, "fold everything";
        ["]"] Action::UnfoldAll, "unfold everything";
        ["o"] Action::Lines, "what its service said meanwhile, in place", "lines";
        ["L"] Action::ToLogs, "to the logs of the chosen request", "logs";
        ["/"] Action::Search, "search in the trace", "search";
        ["n"] Action::NextHit, "next hit";
        ["N"] Action::PreviousHit, "hit before";
        ["c"] Action::MarkOrCompare, "mark the trace, or compare it with the marked one", "compare";
        ["v"] Action::BeforeAndAfter, "its route before and after the last change";
        ["y"] Action::Copy, "copy the trace's id", "copy id";
        ["Y"] Action::CopyCurl, "copy the chosen request as a line with curl";
        ["R"] Action::SendAgain, "send the chosen request again, and compare the answers";
        ["S"] Action::SaveCheck, "save the chosen request as a smoke check in the stack file";
        ["F"] Action::Faults, "delay or break requests of this edge on purpose";
        ["X"] Action::Export, "write the trace to a file, which `boatyard traces --file` opens";
    }
    Compare {
        ["esc"] Action::Back, "back to where you came from", "back";
        ["enter"] Action::Open, "open the second trace", "open";
    }
    Map {
        ["enter"] Action::Open, "to the logs of the chosen service", "logs";
        ["esc"] Action::Back, "back to where you came from", "back";
    }
    Details {
        ["esc"] Action::Back, "back to where you came from", "back";
        ["i"] Action::Details, "what all services use", "use";
        ["y"] Action::Copy, "copy the line's value", "copy";
        ["/"] Action::Search, "search in the details", "search";
        ["n"] Action::NextHit, "next hit";
        ["N"] Action::PreviousHit, "hit before";
        ["enter"] Action::Open, "to the service that the line names";
        ["right" "L"] Action::OtherService(1), "all about the next service", "next";
        ["left" "H"] Action::OtherService(-1), "all about the service before";
    }
    Stats {
        ["esc"] Action::Back, "back to where you came from", "back";
        ["i" "enter"] Action::Details, "all about the chosen service", "details";
        ["y"] Action::Copy, "copy what the service uses", "copy";
    }
    Timeline {
        ["left"] Action::Left, "event before", "event before";
        ["right"] Action::Right, "next event", "next";
        ["enter"] Action::Open, "to what stands at the cursor: build, changes, logs at that time", "go there";
        ["+" "="] Action::Axis(Axis::Closer), "less time in more detail", "closer";
        ["-"] Action::Axis(Axis::Wider), "more time", "wider";
        ["0"] Action::Axis(Axis::Whole), "the whole session", "all";
        ["H"] Action::Axis(Axis::Earlier), "half a window back";
        ["L"] Action::Axis(Axis::Later), "half a window on";
        ["g" "home"] Action::Top, "to the beginning of the session";
        ["G" "end"] Action::Bottom, "back to now, which is followed", "now";
        ["esc"] Action::Back, "back to where you came from", "back";
    }
    Notices {
        ["enter"] Action::Open, "to what the notice is about: build, logs at that time, changes, trace", "go there";
        ["f"] Action::Filter, "filter the notices", "filter";
        ["/"] Action::Filter, "filter the notices";
        ["e"] Action::Problems, "only warnings and errors, or all", "problems";
        ["o"] Action::Turn, "show all lines of the notice, or one", "unfold";
        ["y"] Action::Copy, "copy the notice", "copy";
        ["G" "end"] Action::Bottom, "to the newest, and follow";
        ["esc"] Action::Back, "back to where you came from", "back";
    }
    Traces {
        ["enter"] Action::Open, "open the trace", "open";
        ["f" "/"] Action::Filter, "filter the traces", "filter";
        ["e"] Action::Problems, "only failed requests, or all", "problems";
        ["h"] Action::Probes, "list health questions too, or leave them out";
        ["c"] Action::MarkOrCompare, "mark the trace, or compare it with the marked one", "compare";
        ["o"] Action::Solo, "solo: let one request in at a time, so that its trace is certain; or as many as come";
        ["y"] Action::Copy, "copy the trace's id";
    }
    Panes {
        ["j" "down"] Action::Down, "down";
        ["k" "up"] Action::Up, "up";
        ["pgdn" "ctrl-d" "space"] Action::PageDown, "a page down";
        ["pgup" "ctrl-u"] Action::PageUp, "a page up";
        ["g" "home"] Action::Top, "to the beginning";
        ["G" "end"] Action::Bottom, "to the end; logs follow again";
        ["tab"] Action::NextPane, "next pane";
        ["shift-tab"] Action::PreviousPane, "pane before";
        ["1"] Action::Focus(Pane::Services), "to the services";
        ["2"] Action::Focus(Pane::Logs), "to the logs";
        ["3"] Action::Focus(Pane::Traces), "to the traces";
        ["4"] Action::Focus(Pane::Health), "to the health";
        ["5"] Action::Focus(Pane::Build), "to the build and the changes";
        ["6"] Action::Map, "to the map of services";
        ["i" "7"] Action::Details, "all about the service; again: what all services use";
        ["8"] Action::Focus(Pane::Timeline), "to the timeline";
        ["9"] Action::Focus(Pane::Notices), "to all notices of the session";
        ["esc"] Action::Back, "back";
        ["r"] Action::Restart, "restart the service", "restart";
        ["b"] Action::Rebuild, "rebuild the service", "rebuild";
        ["s"] Action::StopOrStart, "stop the service, or start it", "stop";
        ["F"] Action::Faults, "delay or break requests for the service on purpose";
        ["E"] Action::Shell, "open a shell inside the service, or return to it";
        ["A"] Action::Attach, "attach to the service's own terminal, or return to it";
        ["!"] Action::RunCommand, "run one command inside the service, or return to it";
        ["u"] Action::Apply, "apply the edits that wait: of the service, or of all if it has none";
        ["U"] Action::ApplyAll, "apply all edits that wait";
        ["a"] Action::EditMode, "act upon edits of the service at once, or by hand";
        ["p"] Action::Hold, "let all edits wait, or let them go";
        ["/"] Action::Search, "search in the logs", "search";
        ["f"] Action::Filter, "filter the logs", "filter";
        ["l"] Action::Merge, "logs of all services, or of the chosen one";
        ["ctrl-e"] Action::Edit, "open the file that a failed build names in your editor";
        ["z"] Action::Zoom, "this pane alone, or all", "zoom";
        ["Z"] Action::NextLayout, "overview; the pane with the services; the logs alone";
        ["ctrl-left"] Action::Divider(Side::Left), "move the divider between the columns to the left";
        ["ctrl-right"] Action::Divider(Side::Right), "move it to the right";
        ["ctrl-up"] Action::Divider(Side::Up), "move the divider above the traces, or below the services, up";
        ["ctrl-down"] Action::Divider(Side::Down), "move it down";
        ["="] Action::Divider(Side::Back), "all dividers where they are usually";
        ["*"] Action::Named, "filters and searches that have a name, or were typed before";
        [":" "ctrl-p"] Action::Palette, "find an action by name", "actions";
        ["?" "f1"] Action::Help, "the keys that work here", "keys";
        ["t"] Action::NextTheme, "next theme";
        ["m"] Action::Mouse, "give the mouse to the terminal, or take it";
        ["q"] Action::Quit, "stop everything and quit", "quit";
    }
    Help {
        ["j" "down"] Action::Down, "down";
        ["k" "up"] Action::Up, "up";
        ["pgdn" "space"] Action::PageDown, "a page down";
        ["pgup"] Action::PageUp, "a page up";
        ["g" "home"] Action::Top, "to the beginning";
        ["G" "end"] Action::Bottom, "to the end";
        ["esc" "?" "q" "f1"] Action::Back, "close the help", "close";
    }
    Inside {
        ["ctrl-]" "ctrl-5"] Action::Leave, "leave; what is inside goes on. All other keys go to the program", "leave";
        ["pgup" "shift-pgup"] Action::PageUp, "a page up; while a program has the whole screen, only with shift", "scroll";
        ["pgdn" "shift-pgdn"] Action::PageDown, "a page down, likewise";
        ["shift-home"] Action::Top, "to the oldest line that is kept";
        ["shift-end"] Action::Bottom, "to the newest line";
    }
    Left {
        ["x"] Action::EndInside, "end what was left";
    }
    Palette {
        ["enter"] Action::Submit, "do it", "do it";
        ["down" "ctrl-n" "tab"] Action::Down, "down";
        ["up" "ctrl-p" "shift-tab"] Action::Up, "up";
        ["esc"] Action::Back, "close the palette", "close";
    }
    Named {
        ["enter"] Action::Submit, "filter or search by it", "use it";
        ["ctrl-d"] Action::Forget, "forget it", "forget it";
        ["esc"] Action::Back, "close the list", "close";
    }
    Prompt {
        ["enter"] Action::Submit, "keep it; a command is run", "keep";
        ["down"] Action::NextHit, "next hit; where there are none, the line typed after";
        ["up"] Action::PreviousHit, "hit before; where there are none, the line typed before";
        ["esc"] Action::Back, "as it was before", "cancel";
        ["ctrl-p"] Action::Older, "the line typed before", "before";
        ["ctrl-n"] Action::Newer, "the line typed after";
        ["ctrl-s"] Action::GiveName, "give the filter or the search a name", "name it";
    }
    Always {
        ["ctrl-c"] Action::Interrupt, "stop everything and quit; again: kill what remains";
        ["ctrl-z"] Action::Suspend, "back to the shell; `fg` returns";
        ["ctrl-l"] Action::Redraw, "draw everything again";
    }
};

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
