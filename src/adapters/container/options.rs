//! A service's further words about its containers, as the engine takes them.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, ResourcesBlkioWeightDevice, ResourcesUlimits,
    ThrottleDevice,
};
use indexmap::IndexMap;

use crate::stack::{ContainerOptions, Device, Disks, ImageHealth, Limits, Service, Space};

/// Kernel parameters that belong to a network namespace.
pub(super) const NET_SYSCTL: &str = "net.";

/// Adds what a service says to a container that is otherwise complete. `space_of` gives the id of the container in which a
/// service's run lives.
pub(super) fn apply(
    body: &mut ContainerCreateBody,
    service: &Service,
    space_of: &dyn Fn(&Space) -> String,
) {
    let options = &service.container;
    body.hostname.clone_from(&options.hostname);
    body.domainname.clone_from(&options.domainname);
    body.open_stdin = options.stdin_open.then_some(true);
    body.healthcheck = health_config(options);
    let host = body.host_config.get_or_insert_default();
    isolation(host, options, space_of);
    names(host, options);
    devices(host, &options.devices);
    limits(host, &options.limits);
    disks(host, &options.limits.disks);
    host.device_cgroup_rules = list(&options.device_cgroup_rules);
    host.shm_size = options.shm_size;
    host.sysctls = map(&options.sysctls);
    host.storage_opt = map(&options.storage_opt);
    host.annotations = map(&options.annotations);
    host.runtime.clone_from(&options.runtime);
    host.oom_score_adj = options.oom_score_adj;
    host.oom_kill_disable = options.oom_kill_disable.then_some(true);
    host.ulimits = Some(ulimits(options));
    if let Some(logging) = &options.logging {
        host.log_config = Some(HostConfigLogConfig {
            typ: logging.driver.clone(),
            config: map(&logging.options),
        });
    }
}

/// What the engine asks by itself; `None`: whatever the image says.
fn health_config(options: &ContainerOptions) -> Option<HealthConfig> {
    let Some(check) = &options.healthcheck else {
        let is_off = options.image_health != ImageHealth::Left;
        return is_off.then(|| HealthConfig {
            test: Some(vec!["NONE".into()]),
            ..HealthConfig::default()
        });
    };
    // The engine takes no time between none and a millisecond.
    let nanoseconds = |time: Option<Duration>| {
        let time = time.filter(|time| !time.is_zero())?;
        let time = time.max(Duration::from_millis(1));
        Some(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    };
    Some(HealthConfig {
        test: Some(check.test.clone()).filter(|test| !test.is_empty()),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        start_period: nanoseconds(check.start_period),
        retries: check.retries.map(i64::from),
        ..HealthConfig::default()
    })
}

/// Takes away what belongs to a network namespace, for a container that lives in another's.
pub(super) fn leave_network(body: &mut ContainerCreateBody) {
    body.exposed_ports = None;
    body.networking_config = None;
    body.hostname = None;
    body.domainname = None;
    if let Some(host) = &mut body.host_config {
        host.port_bindings = None;
        host.extra_hosts = None;
        host.dns = None;
        host.dns_search = None;
        host.dns_options = None;
        if let Some(sysctls) = &mut host.sysctls {
            sysctls.retain(|name, _| !name.starts_with(NET_SYSCTL));
        }
    }
}

fn isolation(
    host: &mut HostConfig,
    options: &ContainerOptions,
    space_of: &dyn Fn(&Space) -> String,
) {
    host.privileged = options.privileged.then_some(true);
    host.readonly_rootfs = options.read_only.then_some(true);
    host.cap_add = list(&options.cap_add);
    host.cap_drop = list(&options.cap_drop);
    host.security_opt = list(&options.security_opt);
    host.group_add = list(&options.group_add);
    host.pid_mode = options.pid.as_ref().map(space_of);
    host.ipc_mode = options.ipc.as_ref().map(space_of);
    host.uts_mode.clone_from(&options.uts);
    host.userns_mode.clone_from(&options.userns_mode);
    host.cgroup_parent.clone_from(&options.cgroup_parent);
    host.cgroupns_mode = match options.cgroup.as_deref() {
        Some("host") => Some(HostConfigCgroupnsModeEnum::HOST),
        Some("private") => Some(HostConfigCgroupnsModeEnum::PRIVATE),
        Some(_) | None => None,
    };
}

/// How names are looked up.
fn names(host: &mut HostConfig, options: &ContainerOptions) {
    host.dns = list(&options.dns);
    host.dns_search = list(&options.dns_search);
    host.dns_options = list(&options.dns_opt);
}

/// Devices with a path are the engine's to hand over; the others are named by the Container Device Interface.
fn devices(host: &mut HostConfig, devices: &[Device]) {
    let (paths, named): (Vec<&Device>, Vec<&Device>) = devices
        .iter()
        .partition(|device| device.source.starts_with('/'));
    if !paths.is_empty() {
        let mapped = paths.iter().map(|device| DeviceMapping {
            path_on_host: Some(device.source.clone()),
            path_in_container: Some(device.target.clone()),
            cgroup_permissions: Some(device.permissions.clone()),
        });
        host.devices = Some(mapped.collect());
    }
    if !named.is_empty() {
        let ids = named.iter().map(|device| device.source.clone());
        host.device_requests = Some(vec![DeviceRequest {
            driver: Some("cdi".into()),
            device_ids: Some(ids.collect()),
            ..DeviceRequest::default()
        }]);
    }
}

fn ulimits(options: &ContainerOptions) -> Vec<ResourcesUlimits> {
    let limits = options.ulimits.iter();
    limits
        .map(|(name, limit)| ResourcesUlimits {
            name: Some(name.clone()),
            soft: Some(limit.soft),
            hard: Some(limit.hard),
        })
        .collect()
}

fn limits(host: &mut HostConfig, limits: &Limits) {
    host.nano_cpus = limits.nano_cpus;
    host.cpu_shares = limits.cpu_shares;
    host.cpu_quota = limits.cpu_quota;
    host.cpu_period = limits.cpu_period;
    host.cpu_realtime_runtime = limits.cpu_rt_runtime;
    host.cpu_realtime_period = limits.cpu_rt_period;
    host.cpuset_cpus.clone_from(&limits.cpuset);
    host.memory = limits.memory;
    host.memory_reservation = limits.memory_reservation;
    host.memory_swap = limits.memory_swap;
    host.memory_swappiness = limits.memory_swappiness;
    host.pids_limit = limits.pids;
}

fn disks(host: &mut HostConfig, disks: &Disks) {
    let throttle = |devices: &[(String, i64)]| {
        let each = devices.iter().map(|(path, rate)| ThrottleDevice {
            path: Some(path.clone()),
            rate: Some(*rate),
        });
        (!devices.is_empty()).then(|| each.collect())
    };
    host.blkio_weight = disks.weight;
    let weights = disks.weight_device.iter();
    let weights = weights.map(|(path, weight)| ResourcesBlkioWeightDevice {
        path: Some(path.clone()),
        weight: Some((*weight).into()),
    });
    host.blkio_weight_device = (!disks.weight_device.is_empty()).then(|| weights.collect());
    host.blkio_device_read_bps = throttle(&disks.read_bps);
    host.blkio_device_write_bps = throttle(&disks.write_bps);
    host.blkio_device_read_iops = throttle(&disks.read_iops);
    host.blkio_device_write_iops = throttle(&disks.write_iops);
}

fn list(words: &[String]) -> Option<Vec<String>> {
    (!words.is_empty()).then(|| words.to_vec())
}

pub(super) fn map(pairs: &IndexMap<String, String>) -> Option<HashMap<String, String>> {
    let pairs = pairs.iter();
    let pairs: HashMap<String, String> = pairs
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!pairs.is_empty()).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tests cannot have a container started with on every machine.
    #[test]
    fn every_word_reaches_the_engine() {
        let pair = |name: &str, value: &str| IndexMap::from([(name.to_owned(), value.to_owned())]);
        let mut service = Service::named("s");
        let options = &mut service.container;
        options.privileged = true;
        options.oom_kill_disable = true;
        options.storage_opt = pair("size", "1g");
        options.sysctls = pair("net.core.somaxconn", "1");
        options.hostname = Some("inside".into());
        options.cgroup_parent = Some("/some".into());
        options.devices = vec![Device {
            source: "vendor.example/device=one".into(),
            target: String::new(),
            permissions: String::new(),
        }];
        options.limits.cpu_rt_runtime = Some(400);
        options.limits.cpu_rt_period = Some(1000);
        options.limits.memory_swappiness = Some(10);
        options.limits.disks.read_bps = vec![("/dev/sda".into(), 1024)];
        options.limits.disks.weight_device = vec![("/dev/sda".into(), 200)];
        let mut body = ContainerCreateBody::default();
        apply(&mut body, &service, &|_| String::new());
        let host = body.host_config.as_ref().unwrap();
        assert_eq!(
            (host.privileged, host.oom_kill_disable),
            (Some(true), Some(true))
        );
        assert_eq!(host.storage_opt.as_ref().unwrap()["size"], "1g");
        assert_eq!(host.cgroup_parent.as_deref(), Some("/some"));
        let request = &host.device_requests.as_ref().unwrap()[0];
        assert_eq!(request.driver.as_deref(), Some("cdi"));
        assert_eq!(host.devices, None);
        assert_eq!(host.cpu_realtime_runtime, Some(400));
        assert_eq!(host.cpu_realtime_period, Some(1000));
        assert_eq!(host.memory_swappiness, Some(10));
        assert_eq!(
            host.blkio_device_read_bps.as_ref().unwrap()[0].rate,
            Some(1024)
        );
        let weight = &host.blkio_weight_device.as_ref().unwrap()[0];
        assert_eq!(weight.weight, Some(200));

        leave_network(&mut body);
        assert_eq!(body.hostname, None);
        assert_eq!(body.host_config.unwrap().sysctls, Some(HashMap::new()));
    }

    #[test]
    fn nothing_said_is_nothing_told() {
        let mut body = ContainerCreateBody::default();
        apply(&mut body, &Service::named("s"), &|_| String::new());
        let told = HostConfig {
            ulimits: Some(Vec::new()),
            ..HostConfig::default()
        };
        assert_eq!(body.host_config, Some(told));
    }
}
