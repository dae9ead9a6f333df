//! How a service is probed, what it needs and who needs it, what it may use and do, and how it is started, replaced and
//! stopped.

use super::reach::space_words;
use super::{Fact, Source, at, length, list, set, size, told, yes};
use crate::engine::ServiceState;
use crate::stack::{
    Condition, Device, Health, ImageHealth, RestartPolicy, Runtime, Service, Swap, Ulimit,
};
use crate::text;
use crate::tui::pane::health::probe_words;
use crate::tui::theme::Role;
use crate::tui::use_of::{core_words, cores};

/// Its probe, when it is asked, and what it said last.
pub(super) fn health(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let Some(health) = &service.service.health else {
        return Vec::new();
    };
    let asked = if service.service.container.image_health == ImageHealth::Asked {
        "the health check of its image".to_owned()
    } else {
        source.state.stack.masked(&probe_words(&health.probe))
    };
    let mut facts = vec![
        Fact::new("probe", asked),
        Fact::new("schedule", schedule(health)),
    ];
    if service.service.container.healthcheck.is_some() {
        let words = "the container engine; Boatyard follows what it finds";
        facts.push(Fact::new("asked by", words));
    }
    let several = service.runs.len() > 1;
    for run in service.runs.iter().rev() {
        let Some((when, answer)) = &run.health.last else {
            continue;
        };
        let (mark, role) = if answer.healthy {
            ("✓", Role::Ready)
        } else {
            ("✗", Role::Failed)
        };
        let label = if several {
            format!("run {}", run.id)
        } else {
            "last answer".to_owned()
        };
        let words = format!(
            "{mark} {}  {}, at {}",
            source.state.stack.masked(&answer.said),
            text::duration(answer.took),
            at(source, *when)
        );
        facts.push(Fact::new(label, words).role(role));
        let failures = match run.health.failures {
            0 => String::new(),
            1 => ", 1 failure since it was healthy last".to_owned(),
            count => format!(", {count} failures since it was healthy last"),
        };
        let times = match run.health.asked {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        facts.push(Fact::new("asked", format!("{times}{failures}")));
    }
    facts
}

fn schedule(health: &Health) -> String {
    let failures = match health.retries {
        0 | 1 => "one failure makes it unhealthy".to_owned(),
        count => format!("{count} failures in a row make it unhealthy"),
    };
    let start = if health.start_period.is_zero() {
        String::new()
    } else {
        format!("; {} to start", length(health.start_period))
    };
    format!(
        "every {}, answer within {}; {failures}{start}",
        length(health.interval),
        length(health.timeout)
    )
}

/// What it waits for before it starts, and whether that holds now.
pub(super) fn needs(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let needs = service.service.depends_on.iter();
    needs
        .map(|(on, condition)| {
            let follows = if service.service.follows.contains(on) {
                "; restarted with it"
            } else {
                ""
            };
            let must = must_be(*condition);
            let is = if *condition == Condition::Ready {
                "is"
            } else {
                "has"
            };
            let (words, role) = match source.state.services.get(on) {
                Some(needed) if needed.meets(*condition) => {
                    (format!("✓ {must}, and {is}{follows}"), Role::Ready)
                }
                Some(needed) => {
                    let now = needed.explain(source.now);
                    (
                        format!("✗ {must}, and {is} not: {now}{follows}"),
                        Role::Waiting,
                    )
                }
                None => (format!("✗ {must}, and is not there{follows}"), Role::Failed),
            };
            Fact::new(on.as_str(), words).role(role).leads_to(on)
        })
        .collect()
}

fn must_be(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "must have started",
        Condition::Ready => "must be ready",
        Condition::Completed => "must have completed",
    }
}

/// Who waits for it.
pub(super) fn needed_by(source: Source<'_>, service: &ServiceState) -> Vec<Fact> {
    let name = &service.service.name;
    let others = source.state.services.values();
    others
        .filter_map(|other| {
            let condition = *other.service.depends_on.get(name)?;
            let words = match condition {
                Condition::Started => "starts once this has started",
                Condition::Ready => "starts once this is ready",
                Condition::Completed => "starts once this has completed",
            };
            let follows = if other.service.follows.contains(name) {
                ", and is restarted with it"
            } else {
                ""
            };
            let other = &other.service.name;
            Some(Fact::new(other.as_str(), format!("{words}{follows}")).leads_to(other))
        })
        .collect()
}

/// How much it may take.
pub(super) fn limits(service: &ServiceState) -> Vec<Fact> {
    if service.runtime == Some(Runtime::Process) {
        return Vec::new();
    }
    let options = &service.service.container;
    let limits = &options.limits;
    let bytes = |bytes: Option<i64>| bytes.filter(|bytes| *bytes != 0).map(size);
    let mut facts = told([
        set("cpu", cores(service).map(core_words)),
        set("cores", limits.cpuset.clone()),
        set("cpu weight", limits.cpu_shares.map(|it| it.to_string())),
        set("memory", bytes(limits.memory)),
        set("memory kept", bytes(limits.memory_reservation)),
        set("with swap", bytes(limits.memory_swap)),
        set("processes", limits.pids.map(count)),
        set("/dev/shm", bytes(options.shm_size)),
        yes(
            "out of memory",
            options.oom_kill_disable,
            "the kernel does not end it",
        ),
        set("oom score", options.oom_score_adj.map(|it| it.to_string())),
    ]);
    let disks = &limits.disks;
    let each = |label: &str, limits: &[(String, i64)], unit: fn(i64) -> String| {
        let words: Vec<String> = limits
            .iter()
            .map(|(device, limit)| format!("{device} {}", unit(*limit)))
            .collect();
        list(label, &words)
    };
    facts.extend(told([
        set("disk weight", disks.weight.map(|it| it.to_string())),
        each("reads", &disks.read_bps, |it| format!("{}/s", size(it))),
        each("writes", &disks.write_bps, |it| format!("{}/s", size(it))),
        each("reads", &disks.read_iops, |it| format!("{it} a second")),
        each("writes", &disks.write_iops, |it| format!("{it} a second")),
    ]));
    let ulimits = options.ulimits.iter();
    facts.extend(ulimits.map(|(name, limit)| Fact::new(name.as_str(), ulimit(*limit))));
    facts
}

fn count(limit: i64) -> String {
    if limit < 0 {
        "no limit".into()
    } else {
        limit.to_string()
    }
}

fn ulimit(limit: Ulimit) -> String {
    let (soft, hard) = (count(limit.soft), count(limit.hard));
    if soft == hard {
        soft
    } else {
        format!("{soft}, up to {hard}")
    }
}

/// When it is started again, how it is replaced and stopped, and what its requests do meanwhile.
pub(super) fn policies(service: &ServiceState) -> Vec<Fact> {
    let definition = &service.service;
    let restart = match definition.restart {
        RestartPolicy::OnFailure => "after a failure, with growing delay",
        RestartPolicy::Always => "however it ended, with growing delay",
        RestartPolicy::No => "never by itself",
    };
    let hold = if definition.hold.is_off() {
        "are refused while it is not ready".to_owned()
    } else {
        format!(
            "wait up to {} while it is not ready, {} at most",
            length(definition.hold.time),
            definition.hold.requests
        )
    };
    let stop = format!(
        "{}, killed after {}",
        definition.stop_signal.0,
        length(definition.stop_grace_period)
    );
    told([
        Some(Fact::new("starts again", restart)),
        service
            .runtime
            .map(|runtime| Fact::new("is replaced", replaced(definition, runtime))),
        Some(Fact::new("requests", hold)),
        Some(Fact::new("is stopped by", stop)),
    ])
}

fn replaced(service: &Service, runtime: Runtime) -> &'static str {
    match service.swap(runtime) {
        Swap::Overlap => "by a new run beside it, once that is ready",
        Swap::Handover => "by a new run that starts while it stops",
        Swap::Exclusive => "by a new run once it has ended",
    }
}

/// What it may do that others may not, and the other way round.
pub(super) fn rights(service: &ServiceState) -> Vec<Fact> {
    if service.runtime == Some(Runtime::Process) {
        return Vec::new();
    }
    let options = &service.service.container;
    let device = |device: &Device| {
        if device.source == device.target {
            device.source.clone()
        } else {
            format!("{} as {}", device.source, device.target)
        }
    };
    let devices: Vec<String> = options.devices.iter().map(device).collect();
    let sysctls: Vec<String> = options
        .sysctls
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let space = |space: &Option<crate::stack::Space>, what| {
        space.as_ref().map(|space| space_words(space, what))
    };
    told([
        yes(
            "privileged",
            options.privileged,
            "it may do what root of this machine may",
        )
        .map(|fact| fact.role(Role::Waiting)),
        list("capabilities", &options.cap_add),
        list("without", &options.cap_drop),
        list("security", &options.security_opt),
        yes("its files", options.read_only, "cannot be written"),
        list("devices", &devices),
        list("sysctls", &sysctls),
        set("processes", space(&options.pid, "processes")),
        set("ipc", space(&options.ipc, "ipc")),
        set("user ids", options.userns_mode.clone()),
        set("cgroup", options.cgroup.clone()),
        set("below cgroup", options.cgroup_parent.clone()),
    ])
}
