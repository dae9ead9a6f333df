//! `watch`: what a saved file means for a service.

use std::path::Path;

use crate::stack::{CommandWords, Hook, Reaction, Signal, Then, WatchMode, WatchRule};

use super::item::{Item, Section};
use super::scope::{Scope, normal};
use super::signal;
use super::tree::{Span, Value};
use super::words;

/// `"auto"` or `"manual"`.
pub(super) fn mode(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<WatchMode> {
    let modes = [WatchMode::Auto, WatchMode::Manual];
    item.choice(&modes.map(|mode| (mode.word(), mode)), scope)
}

/// What a rule does, before its details are read.
#[derive(Clone, Copy, PartialEq)]
enum Action {
    Sync,
    SyncRestart,
    SyncExec,
    Rebuild,
    Restart,
}

const ACTIONS: [(&str, Action); 5] = [
    ("sync", Action::Sync),
    ("sync+restart", Action::SyncRestart),
    ("sync+exec", Action::SyncExec),
    ("rebuild", Action::Rebuild),
    ("restart", Action::Restart),
];

/// A rule, and where it and its action stand.
pub(super) struct Rule {
    pub(super) what: WatchRule,
    pub(super) span: Span,
    pub(super) action_span: Span,
}

/// A service's watch rules. A path is relative to the stack file or, where that leads nowhere, to `folder`, the
/// service's own.
pub(super) fn read(item: &Item<'_>, of: &str, folder: &Path, scope: &mut Scope<'_>) -> Vec<Rule> {
    let members = match &item.node.value {
        Value::Table(_) => vec![item.clone()],
        _ => item.list(scope).unwrap_or_default(),
    };
    members
        .iter()
        .filter_map(|member| rule(member, of, folder, scope))
        .collect()
}

fn rule(item: &Item<'_>, of: &str, folder: &Path, scope: &mut Scope<'_>) -> Option<Rule> {
    let mut section = item.section(format!("a watch rule of {of}"), scope)?;
    let path = section.need("path", scope);
    let action = section.need("action", scope);
    let details = Details {
        target: section.take("target"),
        then: section.take("then"),
        exec: section.take("exec"),
    };
    let ignore = section.take("ignore").map(|item| item.texts(scope));
    let hints = [(
        "include",
        "name the folder in \"path\" and leave out the rest with \"ignore\"",
    )];
    let span = section.span.clone();
    section.finish(&hints, scope);
    let path = path?;
    let text = path.filled_text(scope)?;
    let mut absolute = scope.path(text);
    let inside = normal(&folder.join(text));
    if !absolute.exists() && inside.exists() {
        absolute = inside;
    }
    if scope.active && !absolute.exists() {
        let message = format!(
            "{}: {} does not exist",
            path.what,
            super::problem::quoted(text)
        );
        scope
            .warning(path.span(), message)
            .help("nothing is watched until it does; paths are relative to the stack file or the service's folder");
    }
    let action_item = action?;
    let action = action_item.choice(&ACTIONS, scope)?;
    Some(Rule {
        what: WatchRule {
            path: absolute,
            reaction: reaction(action, &details, &span, scope)?,
            ignore: ignore.unwrap_or_default(),
            include: Vec::new(),
            initial_sync: false,
        },
        span,
        action_span: action_item.span().clone(),
    })
}

/// The keys that only some actions have.
struct Details<'n> {
    target: Option<Item<'n>>,
    then: Option<Item<'n>>,
    exec: Option<Item<'n>>,
}

fn reaction(
    action: Action,
    details: &Details<'_>,
    span: &Span,
    scope: &mut Scope<'_>,
) -> Option<Reaction> {
    let plain = match action {
        Action::Rebuild => Some(Reaction::Rebuild),
        Action::Restart => Some(Reaction::Restart),
        Action::Sync | Action::SyncRestart | Action::SyncExec => None,
    };
    if let Some(plain) = plain {
        for extra in [&details.target, &details.then, &details.exec]
            .into_iter()
            .flatten()
        {
            let message = format!("{} has a meaning only with a sync", extra.what);
            scope
                .error(&extra.key_span, message)
                .help("leave it out, or use action = \"sync\"");
        }
        return Some(plain);
    }
    let Some(target) = &details.target else {
        scope
            .error(span, "this watch rule syncs, but has no \"target\"")
            .help("say where in the container the files go: target = \"/app/src\"");
        return None;
    };
    let target = target.filled_text(scope)?.to_owned();
    let then = follow_up(action, details, span, scope)?;
    Some(Reaction::Sync { target, then })
}

fn follow_up(
    action: Action,
    details: &Details<'_>,
    span: &Span,
    scope: &mut Scope<'_>,
) -> Option<Then> {
    let exec = details.exec.as_ref();
    if let (Some(exec), Some(_)) = (exec, &details.then) {
        exec.invalid("\"then\" and \"exec\" cannot both be given", scope);
        return None;
    }
    match (action, &details.then, exec) {
        (Action::SyncRestart, None, None) => Some(Then::Restart),
        (Action::SyncRestart, Some(extra), _) | (Action::SyncRestart, _, Some(extra)) => {
            extra.invalid("\"sync+restart\" already says what follows", scope);
            None
        }
        (_, _, Some(exec)) => exec_command(exec, scope),
        (Action::SyncExec, None, None) => {
            scope.error(
                span,
                "this watch rule has no \"exec\" to run after the sync",
            );
            None
        }
        (_, Some(then), None) => self::then(then, scope),
        (_, None, None) => Some(Then::Nothing),
    }
}

/// `"restart"`, `"signal:HUP"` or `{ exec = … }`.
fn then(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Then> {
    if item.as_table().is_some() {
        let mut section = item.section(item.what.clone(), scope)?;
        let exec = section.take("exec");
        let signal = section.take("signal");
        let span = section.span.clone();
        section.finish(&[], scope);
        return match (exec, signal) {
            (Some(exec), None) => exec_command(&exec, scope),
            (None, Some(signal)) => signal::read(&signal, scope).map(Then::Signal),
            _ => {
                scope.error(&span, format!("{}: give either exec or signal", item.what));
                None
            }
        };
    }
    let text = item.text(scope)?;
    if let Some(name) = text.strip_prefix("signal:") {
        return named_signal(item, name, scope).map(Then::Signal);
    }
    if text == "exec" {
        scope
            .error(item.span(), format!("{}: \"exec\" of what?", item.what))
            .help("write then = { exec = [\"program\", \"argument\"] }");
        return None;
    }
    item.choice(&[("restart", ()), ("signal:HUP", ())], scope)
        .map(|()| Then::Restart)
}

fn named_signal(item: &Item<'_>, name: &str, scope: &mut Scope<'_>) -> Option<Signal> {
    let signal = signal::parse(name);
    if signal.is_none() {
        item.invalid(&format!("\"{name}\" is not a signal"), scope);
    }
    signal
}

fn run(command: CommandWords) -> Then {
    Then::Exec(Box::new(Hook::plain(command)))
}

/// A command, or Compose's `{ command = … }`.
fn exec_command(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Then> {
    if item.as_table().is_none() {
        return words::shell_command(item, scope).map(run);
    }
    let mut section: Section<'_> = item.section(item.what.clone(), scope)?;
    let command = section.need("command", scope);
    let hints = [
        ("user", "the command runs as the container's user"),
        ("privileged", "leave it out"),
    ];
    section.finish(&hints, scope);
    words::shell_command(&command?, scope).map(run)
}
