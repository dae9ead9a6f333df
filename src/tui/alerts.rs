//! What the terminal is asked to show outside its window while nobody looks at it: that something failed, and that all is
//! well again.

use std::collections::BTreeSet;

use crossterm::event::Event;

use crate::engine::{Notice, ServiceState, State, Status};
use crate::stack::ServiceName;
use crate::text;

/// Longer words would not fit into what a desktop shows, in columns.
const LONGEST: usize = 120;

/// What failed, and whether somebody looks.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// The window has not the focus. Terminals that do not tell are believed to be looked at.
    away: bool,
    /// Services that failed since all was well.
    failed: BTreeSet<ServiceName>,
}

impl Alerts {
    /// Takes in whether the window has the focus.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::FocusGained => self.away = false,
            Event::FocusLost => self.away = true,
            _ => {}
        }
    }

    /// What is to be shown of what happened: the first failure of a service, until all is well again.
    pub(super) fn heard(&mut self, notice: &Notice) -> Option<String> {
        let (service, words) = match notice {
            Notice::BuildFailed { service, .. } => {
                (service, format!("the build of {service} failed"))
            }
            Notice::GaveUp { service, attempts } => (
                service,
                format!("{service} ended {attempts} times and is left alone"),
            ),
            Notice::RunFailed { service, .. } => (service, format!("{service} cannot be started")),
            Notice::RunExited {
                service,
                cause,
                code,
                expected: false,
                ..
            } if *code != Some(0) => (service, format!("{service} ended: {cause}")),
            _ => return None,
        };
        let is_new = self.failed.insert(service.clone());
        (is_new && self.away).then_some(words)
    }

    /// What is to be shown of the services as they are now: that none of them is in trouble any more.
    pub(super) fn settled(&mut self, state: &State) -> Option<String> {
        if self.failed.is_empty() || !state.services.values().all(is_well) {
            return None;
        }
        self.failed.clear();
        self.away.then(|| "all services are well again".to_owned())
    }
}

fn is_well(service: &ServiceState) -> bool {
    matches!(
        service.status(),
        Status::Ready | Status::Completed | Status::Stopped
    )
}

/// The bytes that ask a terminal to show these words: OSC 9 (iTerm2, kitty, `WezTerm`, Windows Terminal), or OSC 777 where that
/// is what is understood (rxvt, foot). `variable` tells this process's environment.
pub(super) fn bytes(
    stack: &str,
    words: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<u8> {
    // A semicolon would end the title of OSC 777.
    let plain = |words: &str| text::plain(words.as_bytes()).replace(';', ",");
    let (stack, words) = (plain(stack), plain(words));
    let words = text::truncate(&words, LONGEST, "…");
    let terminal = variable("TERM").unwrap_or_default();
    let asked = if terminal.starts_with("rxvt") || terminal.starts_with("foot") {
        format!("\x1b]777;notify;{stack};{words}\x1b\\")
    } else {
        format!("\x1b]9;{stack}: {words}\x1b\\")
    };
    if variable("TMUX").is_some() {
        // tmux hands on what is wrapped, if it is allowed to (`allow-passthrough`).
        let doubled = asked.replace('\x1b', "\x1b\x1b");
        return format!("\x1bPtmux;{doubled}\x1b\\").into_bytes();
    }
    asked.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::BuildId;

    fn build_failed(service: &str) -> Notice {
        Notice::BuildFailed {
            service: service.into(),
            build: BuildId(1),
            ms: 1,
            step: None,
            message: "no".into(),
            last_lines: Vec::new(),
        }
    }

    #[test]
    fn a_failure_is_shown_once_and_only_to_who_is_away() {
        let mut alerts = Alerts::default();
        assert_eq!(alerts.heard(&build_failed("web")), None, "somebody looks");
        alerts.event(&Event::FocusLost);
        assert_eq!(alerts.heard(&build_failed("web")), None, "that was seen");
        let orders = alerts.heard(&build_failed("orders"));
        assert_eq!(orders.as_deref(), Some("the build of orders failed"));
        assert_eq!(alerts.heard(&build_failed("orders")), None);
        // A stack without services has none in trouble.
        let (engine, ..) = crate::engine::Engine::new(
            std::sync::Arc::default(),
            crate::engine::Options::default(),
        );
        let well = alerts.settled(engine.state());
        assert_eq!(well.as_deref(), Some("all services are well again"));
        assert_eq!(alerts.settled(engine.state()), None);
        alerts.event(&Event::FocusGained);
        assert_eq!(alerts.heard(&build_failed("orders")), None);
    }

    #[test]
    fn terminals_are_asked_in_their_own_way() {
        let asked = |terminal: &'static str, tmux: bool, words: &str| {
            let bytes = bytes("shop;", words, |name| match name {
                "TERM" => Some(terminal.to_owned()),
                "TMUX" => tmux.then(|| "/tmp/tmux".to_owned()),
                _ => None,
            });
            String::from_utf8(bytes).unwrap()
        };
        let hostile = "web ended: \x1b]0;x\x07a;b";
        assert_eq!(
            asked("xterm-256color", false, hostile),
            "\x1b]9;shop,: web ended: a,b\x1b\\"
        );
        assert_eq!(
            asked("foot", false, hostile),
            "\x1b]777;notify;shop,;web ended: a,b\x1b\\"
        );
        assert_eq!(
            asked("tmux-256color", true, "x"),
            "\x1bPtmux;\x1b\x1b]9;shop,: x\x1b\x1b\\\x1b\\"
        );
    }
}
