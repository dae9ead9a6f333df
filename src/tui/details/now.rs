//! How a service is at this moment, how it last ended, and what it uses.

use super::{Fact, Source, at, set};
use crate::engine::{BuildState, Exit, Place, Run, ServiceState, Status};
use crate::stack::Reach;
use crate::text;
use crate::tui::draw::sparkline;
use crate::tui::theme::Role;
use crate::tui::use_of::{self, Gauge};
use crate::tui::{fault_line, words};

/// Columns of a picture of what was used.
const PICTURE: usize = 24;

/// What it is at, its runs, and which edits they have.
pub(super) fn now(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let status = service.status();
    let standing = format!(
        "{} {}",
        words::symbol(status),
        words::sentence(service, source.now)
    );
    let mut facts = vec![Fact::new("state", standing).role(role(status))];
    for run in service.runs.iter().rev() {
        facts.extend(run_facts(source, service, run));
    }
    facts.extend(starts(service));
    facts.extend(edits(source, service));
    let held = source.telemetry.held().of(&service.service.name);
    if let Some(held) = held {
        let requests = if held.now == 1 {
            "1 request waits".to_owned()
        } else {
            format!("{} requests wait", held.now)
        };
        facts.push(Fact::new("held", format!("{requests} until it is ready")).role(Role::Waiting));
    }
    for fault in source.state.faults.of(&service.service.name) {
        facts.push(Fact::new("on purpose", fault_line::line(fault)).role(Role::Waiting));
    }
    facts
}

fn role(status: Status) -> Role {
    match status {
        Status::Ready => Role::Ready,
        Status::Completed | Status::Stopped => Role::Text,
        Status::Building { .. } | Status::Starting | Status::Stopping => Role::Busy,
        Status::Probing | Status::Waiting => Role::Waiting,
        Status::Unhealthy | Status::Failed { .. } => Role::Failed,
    }
}

fn run_facts(source: Source<'_>, service: &ServiceState, run: &Run) -> Vec<Fact> {
    let mut phase = words::phase(source.clock, run);
    if service.replicas() > 1 {
        phase = format!("{phase}, replica {}", run.replica + 1);
    }
    if !service.is_current(run) && !run.phase.is_stopping() {
        phase.push_str(", of older edits or settings");
    }
    let mut facts = vec![Fact::new(format!("run {}", run.id), phase)];
    match &run.place {
        Some(Place::Container { id, name, .. }) => {
            let short: String = id.chars().take(12).collect();
            let (shown, copied) = if name.is_empty() {
                (short, id)
            } else {
                (format!("{name}  {short}"), name)
            };
            facts.push(Fact::new("container", shown).copies(copied.as_str()));
        }
        Some(Place::Process { pid, .. }) => {
            facts.push(Fact::new("process", pid.to_string()));
        }
        None => {}
    }
    let reach = source.telemetry.whereabouts().run(run.id.0).cloned();
    let known = reach.or_else(|| match &run.place {
        Some(Place::Process { port, .. }) => Some(Reach::Only(([127, 0, 0, 1], *port).into())),
        Some(Place::Container { .. }) | None => None,
    });
    facts.extend(set("address", known.map(|reach| address(&reach))));
    facts
}

fn address(reach: &Reach) -> String {
    match reach {
        Reach::Host(address) => address.to_string(),
        Reach::Only(address) => address.to_string(),
        Reach::Ports(ports) => {
            let each = ports
                .iter()
                .map(|(port, address)| format!("{address} → {port}"));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// How often it was started, as far as that is more than once.
fn starts(service: &ServiceState) -> Option<Fact> {
    if service.starts < 2 && service.ends == 0 {
        return None;
    }
    let restarts = service.starts.saturating_sub(1);
    let restarts = match restarts {
        0 => "not restarted".to_owned(),
        1 => "1 restart".to_owned(),
        count => format!("{count} restarts"),
    };
    let times = |count| match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let is_done = service.completed.as_ref();
    let is_done = is_done.is_some_and(|done| done.exit.is_success());
    let ends = match service.ends {
        0 => "it never ended unasked".to_owned(),
        count if is_done => format!("it ran to its end {}", times(count)),
        count => format!("it ended unasked {}", times(count)),
    };
    let row = match service.crashes.count {
        0 | 1 => String::new(),
        count => format!(", {count} in a row"),
    };
    Some(Fact::new(
        "restarts",
        format!("{restarts} in this session; {ends}{row}"),
    ))
}

/// Which edits run, which are on their way, which wait.
fn edits(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let live = service.live_up_to.map(|up_to| {
        let took = service.live_times.last();
        let took = took.map_or(String::new(), |took| {
            format!(", live in {}", text::duration(*took))
        });
        format!("running edits up to {}{took}", at(source, up_to))
    });
    let coming = service.pending.map(|pending| {
        let last = at(source, pending.last_save);
        format!("edits up to {last} are on their way")
    });
    let waiting = words::waiting_edits(source.state, service);
    let all = [live, coming, waiting].into_iter().flatten();
    let labelled = all.zip(["edits", "", ""]);
    labelled
        .map(|(words, label)| Fact::new(label, words))
        .collect()
}

/// Why it last ended or could not be started, with what it said last.
pub(super) fn last_end(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some((when, run, exit)) = &service.last_exit {
        let role = if exit.is_success() {
            Role::Text
        } else {
            Role::Failed
        };
        facts.push(Fact::new("cause", cause(exit)).role(role));
        facts.push(Fact::new("run", format!("{run} at {}", at(source, *when))));
        let mut label = "last lines";
        for line in &exit.last_lines {
            facts.push(Fact::new(label, source.state.stack.masked(line)));
            label = "";
        }
    }
    if let Some((when, failure)) = &service.start_failure {
        let mut label = "start";
        for line in failure.message.lines() {
            let line = source.state.stack.masked(line);
            facts.push(Fact::new(label, line).role(Role::Failed));
            label = "";
        }
        facts.push(Fact::new(
            "",
            format!("it could not be started at {}", at(source, *when)),
        ));
    }
    if let BuildState::Failed {
        build,
        at: when,
        failure,
        ..
    } = &service.build
    {
        let step = failure.step.as_deref().unwrap_or(&failure.message);
        let step = source.state.stack.masked(step);
        facts.push(Fact::new("build", format!("{build} failed: {step}")).role(Role::Failed));
        facts.push(Fact::new(
            "",
            format!("at {}; 5 shows all of it", at(source, *when)),
        ));
    }
    facts
}

/// The cause, with what a code of the shell's making means.
fn cause(exit: &Exit) -> String {
    let cause = exit.cause();
    match (exit.code, exit.out_of_memory) {
        (Some(137), true) => format!("{cause}: the kernel killed it (exit code 137)"),
        (_, true) => format!("{cause}: the kernel killed it"),
        // What a shell or an engine makes of a signal.
        (Some(code), false) => match text::signal_of(code) {
            Some(name) => format!("{cause}: a {name} ended it"),
            None => cause,
        },
        _ => cause,
    }
}

/// What it uses, each with its newest value, its limit and a picture of the last while.
pub(super) fn uses(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let gauges = use_of::gauges(source.telemetry, service);
    let fact = |gauge: &Gauge| match &gauge.newest {
        Ok(newest) => {
            let picture = sparkline(&gauge.values, PICTURE, gauge.full(PICTURE));
            let limit = gauge.limit.as_ref();
            let limit = limit.map_or(String::new(), |limit| format!("  of {limit}"));
            let (near, role) = if gauge.is_near {
                (": near its limit", Role::Failed)
            } else {
                ("", Role::Text)
            };
            Fact::new(gauge.name, newest.as_str())
                .role(role)
                .picture(format!("{picture}{limit}{near}"))
        }
        Err(why) => Fact::new(gauge.name, *why).role(Role::Dim),
    };
    if gauges.is_empty() && service.runs.iter().any(|run| run.phase.is_up()) {
        return vec![Fact::new("", "nothing was measured yet").role(Role::Dim)];
    }
    gauges.iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_says_what_a_code_means() {
        let killed = |out_of_memory| Exit {
            out_of_memory,
            ..Exit::code(137)
        };
        assert_eq!(
            cause(&killed(true)),
            "ran out of memory: the kernel killed it (exit code 137)"
        );
        assert_eq!(cause(&killed(false)), "exit code 137: a SIGKILL ended it");
        assert_eq!(cause(&Exit::code(139)), "exit code 139: a SIGSEGV ended it");
        assert_eq!(cause(&Exit::code(3)), "exit code 3");
        assert_eq!(cause(&Exit::code(160)), "exit code 160");
    }
}
