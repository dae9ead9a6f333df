//! The table of keys, from which dispatch, help, footer and palette are made.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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
    Apply,
    ApplyAll,
    Palette,
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
        ["esc"] Action::Back, "back to the list", "back";
        ["enter"] Action::Open, "open the second trace", "open";
    }
    Map {
        ["enter"] Action::Open, "to the logs of the chosen service", "logs";
        ["esc"] Action::Back, "back to the traces", "back";
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
        ["z"] Action::Zoom, "this pane alone, or all", "zoom";
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
    Prompt {
        ["enter"] Action::Submit, "keep it; a command is run", "keep";
        ["down"] Action::NextHit, "next hit";
        ["up"] Action::PreviousHit, "hit before";
        ["esc"] Action::Back, "as it was before", "cancel";
    }
    Always {
        ["ctrl-c"] Action::Interrupt, "stop everything and quit; again: kill what remains";
        ["ctrl-z"] Action::Suspend, "back to the shell; `fg` returns";
        ["ctrl-l"] Action::Redraw, "draw everything again";
    }
};

/// What a key does in these places, the first of which goes first.
pub(super) fn action(key: &str, places: &[Where]) -> Option<Action> {
    places.iter().find_map(|place| {
        let mut here = KEYS.iter().filter(|binding| binding.at == *place);
        here.find(|binding| binding.keys.contains(&key))
            .map(|binding| binding.action)
    })
}

/// The bindings that work in these places; what an earlier place has taken is left out.
pub(super) fn working(places: &[Where]) -> Vec<&'static Binding> {
    let mut found: Vec<&Binding> = Vec::new();
    for place in places {
        for binding in KEYS.iter().filter(|binding| binding.at == *place) {
            let taken = found.iter().any(|other| other.keys[0] == binding.keys[0]);
            if !taken {
                found.push(binding);
            }
        }
    }
    found
}

/// The name of a key: what stands in [`KEYS`]. `None` for a key that has none there.
pub(super) fn key_name(key: KeyEvent) -> Option<String> {
    let base = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => {
            letter.to_ascii_lowercase().to_string()
        }
        KeyCode::Char(letter) => letter.to_string(),
        KeyCode::F(number) => format!("f{number}"),
        code => plain_name(code)?.to_owned(),
    };
    let mut name = String::new();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        name.push_str("ctrl-");
    }
    if key.modifiers.contains(KeyModifiers::ALT) {
        name.push_str("alt-");
    }
    let shifted = key.modifiers.contains(KeyModifiers::SHIFT);
    if shifted && !matches!(key.code, KeyCode::Char(_) | KeyCode::BackTab) {
        name.push_str("shift-");
    }
    Some(name + &base)
}

fn plain_name(code: KeyCode) -> Option<&'static str> {
    Some(match code {
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Tab => "tab",
        KeyCode::BackTab => "shift-tab",
        KeyCode::Up => "up",
        KeyCode::Down => "down",
        KeyCode::Left => "left",
        KeyCode::Right => "right",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pgup",
        KeyCode::PageDown => "pgdn",
        KeyCode::Backspace => "backspace",
        KeyCode::Delete => "delete",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        let mut seen = HashSet::new();
        for binding in KEYS {
            for key in binding.keys {
                assert!(seen.insert((binding.at, *key)), "{key} twice: {binding:?}");
            }
        }
    }

    #[test]
    fn every_key_of_the_table_can_be_typed() {
        let named = [
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::F(1),
        ];
        let letters = (' '..='~').map(KeyCode::Char);
        let mut typed = HashSet::new();
        for code in named.into_iter().chain(letters) {
            for modifiers in [
                KeyModifiers::NONE,
                KeyModifiers::CONTROL,
                KeyModifiers::SHIFT,
            ] {
                typed.extend(key_name(KeyEvent::new(code, modifiers)));
            }
        }
        for binding in KEYS {
            for key in binding.keys {
                assert!(typed.contains(*key), "{key} cannot be typed");
                assert_eq!(action(key, &[binding.at]), Some(binding.action));
            }
        }
    }

    #[test]
    fn a_nearer_place_goes_first() {
        let places = [Where::Traces, Where::Panes, Where::Always];
        assert_eq!(action("enter", &places), Some(Action::Open));
        assert_eq!(action("ctrl-c", &places), Some(Action::Interrupt));
        let open: Vec<&str> = working(&places)
            .iter()
            .filter(|binding| binding.keys[0] == "enter")
            .map(|binding| binding.words)
            .collect();
        assert_eq!(open, ["open the trace"]);
    }

    #[test]
    fn shifted_and_control_letters_have_one_name() {
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(key_name(shifted).as_deref(), Some("G"));
        let control = KeyEvent::new(KeyCode::Char('C'), KeyModifiers::CONTROL);
        assert_eq!(key_name(control).as_deref(), Some("ctrl-c"));
    }
}
