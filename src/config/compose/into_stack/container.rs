//! What only containers have: networks, namespaces, privileges, limits, files handed to them, hooks.

use indexmap::IndexMap;

use super::super::node::{Node, Value};
use super::{Mapping, get, shared};
use crate::stack::{
    Attachment, CommandWords, ContainerOptions, Device, Disks, Hook, Limits, Logging, OWN_NETWORK,
    PullPolicy, Space, Ulimit,
};

/// What the file says of a service's containers; mounts and health apart.
pub(super) fn read(service: &Node, mapping: &mut Mapping<'_>) -> ContainerOptions {
    let text = |key: &str| get::text(service, key).filter(|text| !text.is_empty());
    let texts = |key: &str| get::texts(service, key);
    let yes = |key: &str| get::flag(service, key).unwrap_or(false);
    ContainerOptions {
        name: text("container_name"),
        hostname: text("hostname"),
        domainname: text("domainname"),
        mac_address: text("mac_address"),
        networks: networks(service),
        network_mode: text("network_mode").and_then(|mode| space(&mode)),
        pid: text("pid").and_then(|mode| space(&mode)),
        ipc: text("ipc").and_then(|mode| space(&mode)),
        uts: text("uts"),
        userns_mode: text("userns_mode"),
        cgroup: text("cgroup"),
        cgroup_parent: text("cgroup_parent"),
        dns: texts("dns"),
        dns_search: texts("dns_search"),
        dns_opt: texts("dns_opt"),
        cap_add: texts("cap_add"),
        cap_drop: texts("cap_drop"),
        security_opt: texts("security_opt"),
        privileged: yes("privileged"),
        read_only: yes("read_only"),
        shm_size: get::bytes(service, "shm_size"),
        devices: devices(service),
        device_cgroup_rules: texts("device_cgroup_rules"),
        sysctls: get::pairs(service, "sysctls"),
        ulimits: ulimits(service),
        logging: service.get("logging").map(logging),
        platform: text("platform"),
        group_add: texts("group_add"),
        limits: limits(service),
        oom_score_adj: get::integer(service, "oom_score_adj"),
        oom_kill_disable: yes("oom_kill_disable"),
        runtime: text("runtime"),
        storage_opt: get::pairs(service, "storage_opt"),
        annotations: get::pairs(service, "annotations"),
        stdin_open: yes("stdin_open"),
        pull_policy: pull_policy(service),
        configs: shared::grants(service, "configs", mapping),
        secrets: shared::grants(service, "secrets", mapping),
        post_start: hooks(service, "post_start"),
        pre_stop: hooks(service, "pre_stop"),
        ..ContainerOptions::default()
    }
}

/// The networks of a service; the stack's own alone, without anything said of it, is what every service has.
fn networks(service: &Node) -> IndexMap<String, Attachment> {
    let entries = service.get("networks").into_iter().flat_map(Node::entries);
    let networks: IndexMap<String, Attachment> = entries
        .map(|(name, node)| (name.to_owned(), attachment(node)))
        .collect();
    let is_usual = networks.len() == 1 && networks.get(OWN_NETWORK) == Some(&Attachment::default());
    if is_usual { IndexMap::new() } else { networks }
}

fn attachment(node: &Node) -> Attachment {
    Attachment {
        aliases: get::texts(node, "aliases"),
        ipv4_address: get::text(node, "ipv4_address"),
        ipv6_address: get::text(node, "ipv6_address"),
        link_local_ips: get::texts(node, "link_local_ips"),
        mac_address: get::text(node, "mac_address"),
        priority: get::integer(node, "priority").unwrap_or(0),
        gw_priority: get::integer(node, "gw_priority").unwrap_or(0),
        interface_name: get::text(node, "interface_name"),
        driver_opts: get::pairs(node, "driver_opts"),
    }
}

/// `service:NAME`, `container:NAME`, or the engine's own word; nothing for the word that means nothing.
fn space(mode: &str) -> Option<Space> {
    Some(match mode.split_once(':') {
        Some(("service", name)) => Space::Service(name.into()),
        Some(("container", name)) => Space::Container(name.to_owned()),
        _ if mode == "default" => return None,
        _ => Space::Named(mode.to_owned()),
    })
}

/// Devices in their long form, or `SOURCE[:TARGET[:PERMISSIONS]]`.
fn devices(service: &Node) -> Vec<Device> {
    let devices = service
        .get("devices")
        .map(Node::members)
        .unwrap_or_default();
    let read = |node: &Node| {
        if let Some(text) = node.as_text() {
            let mut parts = text.splitn(3, ':');
            let source = parts.next()?.to_owned();
            let target = parts.next().unwrap_or(&source).to_owned();
            let permissions = parts.next().unwrap_or("rwm").to_owned();
            return Some(Device {
                source,
                target,
                permissions,
            });
        }
        let source = get::text(node, "source")?;
        Some(Device {
            target: get::text(node, "target").unwrap_or_else(|| source.clone()),
            permissions: get::text(node, "permissions").unwrap_or_else(|| "rwm".into()),
            source,
        })
    };
    devices.iter().filter_map(read).collect()
}

fn ulimits(service: &Node) -> IndexMap<String, Ulimit> {
    let entries = service.get("ulimits").into_iter().flat_map(Node::entries);
    let read = |(name, node): (&str, &Node)| {
        let alone = match &node.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        let soft = alone.or_else(|| get::integer(node, "soft"));
        let hard = alone.or_else(|| get::integer(node, "hard"));
        let (soft, hard) = (soft.or(hard)?, hard.or(soft)?);
        Some((name.to_owned(), Ulimit { soft, hard }))
    };
    entries.filter_map(read).collect()
}

fn logging(node: &Node) -> Logging {
    Logging {
        driver: get::text(node, "driver"),
        options: get::pairs(node, "options"),
    }
}

/// What `deploy.resources` says, else what the service itself says.
fn limits(service: &Node) -> Limits {
    let nothing = Node::default();
    let part = |name: &str| {
        service
            .find(&["deploy", "resources", name])
            .unwrap_or(&nothing)
    };
    let (most, least) = (part("limits"), part("reservations"));
    let integer = |key: &str| get::integer(service, key);
    let cpus = get::number(most, "cpus").or_else(|| get::number(service, "cpus"));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "billionths of a core; what is smaller does not count"
    )]
    let nano_cpus = cpus
        .filter(|cpus| *cpus > 0.0)
        .map(|cpus| (cpus * 1e9) as i64);
    Limits {
        nano_cpus,
        cpu_shares: integer("cpu_shares"),
        cpu_quota: integer("cpu_quota"),
        cpu_period: microseconds(service, "cpu_period"),
        cpu_rt_runtime: microseconds(service, "cpu_rt_runtime"),
        cpu_rt_period: microseconds(service, "cpu_rt_period"),
        cpuset: get::text(service, "cpuset"),
        memory: get::bytes(most, "memory").or_else(|| get::bytes(service, "mem_limit")),
        memory_reservation: get::bytes(least, "memory")
            .or_else(|| get::bytes(service, "mem_reservation")),
        memory_swap: get::bytes(service, "memswap_limit"),
        memory_swappiness: integer("mem_swappiness"),
        pids: get::integer(most, "pids").or_else(|| integer("pids_limit")),
        disks: service.get("blkio_config").map(disks).unwrap_or_default(),
    }
}

/// A number of microseconds, or a duration.
fn microseconds(service: &Node, key: &str) -> Option<i64> {
    get::integer(service, key).or_else(|| {
        let time = get::duration(service, key)?;
        i64::try_from(time.as_micros()).ok()
    })
}

fn disks(node: &Node) -> Disks {
    let devices = |key: &str| node.get(key).map(Node::members).unwrap_or_default();
    // The readings of the reference write these keys with a capital.
    let either = |node: &Node, key: &str, capital: &str| {
        get::bytes(node, key).or_else(|| get::bytes(node, capital))
    };
    let path = |node: &Node| get::text(node, "path").or_else(|| get::text(node, "Path"));
    let rates = |key: &str| {
        let rate = |node: &Node| Some((path(node)?, either(node, "rate", "Rate")?));
        devices(key).iter().filter_map(rate).collect()
    };
    let weight = |number: i64| u16::try_from(number).ok();
    let weights = devices("weight_device")
        .iter()
        .filter_map(|node| Some((path(node)?, weight(either(node, "weight", "Weight")?)?)));
    Disks {
        weight: get::integer(node, "weight").and_then(weight),
        weight_device: weights.collect(),
        read_bps: rates("device_read_bps"),
        write_bps: rates("device_write_bps"),
        read_iops: rates("device_read_iops"),
        write_iops: rates("device_write_iops"),
    }
}

fn pull_policy(service: &Node) -> PullPolicy {
    const DAY: u64 = 24 * 60 * 60;
    match service.text_of("pull_policy").unwrap_or_default() {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "build" => PullPolicy::Build,
        "daily" => PullPolicy::Every(DAY),
        "weekly" => PullPolicy::Every(7 * DAY),
        other => {
            let every = other.strip_prefix("every_");
            let time = every.and_then(|time| super::super::forms::duration(time).ok());
            time.map_or(PullPolicy::Missing, |time| {
                PullPolicy::Every(time.as_secs())
            })
        }
    }
}

fn hooks(service: &Node, key: &str) -> Vec<Hook> {
    let hooks = service.get(key).map(Node::members).unwrap_or_default();
    hooks.iter().map(hook).collect()
}

/// A command that is run inside at a turn of the container's life.
pub(super) fn hook(node: &Node) -> Hook {
    Hook {
        command: CommandWords::Words(get::texts(node, "command")),
        user: get::text(node, "user"),
        privileged: get::flag(node, "privileged").unwrap_or(false),
        working_dir: get::text(node, "working_dir"),
        environment: get::pairs(node, "environment"),
    }
}
