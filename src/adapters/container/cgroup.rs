//! What a container uses, read from the kernel's own files: a thousandth of what the engine's stats cost.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::adapters::flows::{self, GroupDisk};
use crate::telemetry::Flow;

/// What a container had used at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// CPU time since its start, in nanoseconds.
    pub(super) cpu: u64,
    /// Memory in bytes, without the part of the file cache that can be given back.
    pub(super) memory: u64,
    /// Bytes over its network since that began, if they are counted.
    pub(super) network: Option<Flow>,
    /// Bytes from and to disks since its start, if they are counted.
    pub(super) disk: Option<Flow>,
}

/// The open files of one container's control group.
#[derive(Debug)]
pub(super) struct Meter {
    cpu: File,
    memory: File,
    details: File,
    disk: Option<GroupDisk>,
    /// The process whose network namespace is the container's; `None`: it has none of its own.
    network: Option<u32>,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where the files of one control group are.
#[derive(Debug, PartialEq, Eq)]
struct Places {
    version: Version,
    cpu: PathBuf,
    memory: PathBuf,
    disk: Option<PathBuf>,
}

impl Meter {
    /// Opens the files for the container whose first process is `pid`. `None` when that process is not on this machine, is
    /// not this container's, or may not be read. `has_network`: it does not share this machine's.
    pub(super) fn open(pid: u32, container: &str, has_network: bool) -> Option<Self> {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let places = places(&groups, container, Path::new("/sys/fs/cgroup"))?;
        let (cpu, memory) = match places.version {
            Version::One => ("cpuacct.usage", "memory.usage_in_bytes"),
            Version::Two => ("cpu.stat", "memory.current"),
        };
        Some(Self {
            cpu: File::open(places.cpu.join(cpu)).ok()?,
            memory: File::open(places.memory.join(memory)).ok()?,
            details: File::open(places.memory.join("memory.stat")).ok()?,
            disk: disk(pid, &places),
            network: has_network.then_some(pid),
            version: places.version,
        })
    }

    /// Reads what is used now; `None` once the container has ended.
    pub(super) fn read(&self) -> Option<Counts> {
        let mut buffer = [0; 8 << 10];
        let (cpu, inactive) = match self.version {
            Version::One => (whole(&self.cpu, &mut buffer)?, "total_inactive_file "),
            Version::Two => (
                field(&self.cpu, "usage_usec ", &mut buffer)?.checked_mul(1000)?,
                "inactive_file ",
            ),
        };
        let memory = whole(&self.memory, &mut buffer)?;
        let cache = field(&self.details, inactive, &mut buffer).unwrap_or(0);
        Some(Counts {
            cpu,
            memory: memory.saturating_sub(cache),
            network: self.network.and_then(flows::of_network),
            disk: self.disk.as_ref().and_then(GroupDisk::read),
        })
    }
}

/// Where the disk traffic of a group can be read. The counts of version 1 leave out most of what is written, so its
/// processes are asked instead where this user may.
fn disk(pid: u32, places: &Places) -> Option<GroupDisk> {
    let own = |file: &str| File::open(places.disk.as_ref()?.join(file)).ok();
    let processes = || {
        flows::of_process(pid)?;
        let file = File::open(places.cpu.join("cgroup.procs")).ok()?;
        Some(GroupDisk::Processes(file))
    };
    match places.version {
        Version::Two => own("io.stat").map(GroupDisk::Stat).or_else(processes),
        Version::One => {
            processes().or_else(|| own("blkio.throttle.io_service_bytes").map(GroupDisk::Throttle))
        }
    }
}

/// Finds the group in the lines of `/proc/PID/cgroup` (`ID:CONTROLLERS:PATH`, see cgroups(7)). The path must name the
/// container: with a remote engine the number may belong to any process of this machine.
fn places(groups: &str, container: &str, root: &Path) -> Option<Places> {
    let path_of = |controller: &str| {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let wanted = if controller.is_empty() {
                id == "0" && controllers.is_empty()
            } else {
                controllers.split(',').any(|one| one == controller)
            };
            (wanted && path.contains(container)).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    if let (Some(cpu), Some(memory)) = (path_of("cpuacct"), path_of("memory")) {
        return Some(Places {
            version: Version::One,
            cpu: root.join("cpuacct").join(cpu),
            memory: root.join("memory").join(memory),
            disk: path_of("blkio").map(|disk| root.join("blkio").join(disk)),
        });
    }
    let unified = root.join(path_of("")?);
    Some(Places {
        version: Version::Two,
        cpu: unified.clone(),
        disk: Some(unified.clone()),
        memory: unified,
    })
}

fn text<'a>(file: &File, buffer: &'a mut [u8]) -> Option<&'a str> {
    let length = file.read_at(buffer, 0).ok()?;
    std::str::from_utf8(&buffer[..length]).ok()
}

fn whole(file: &File, buffer: &mut [u8]) -> Option<u64> {
    text(file, buffer)?.trim().parse().ok()
}

fn field(file: &File, name: &str, buffer: &mut [u8]) -> Option<u64> {
    let text = text(file, buffer)?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_and_strangers_are_not() {
        let root = Path::new("/r");
        let one = "12:memory:/docker/abc\n5:cpu,cpuacct:/docker/abc\n0::/\n";
        let two = "0::/system.slice/docker-abc.scope\n";
        let found = places(one, "abc", root).unwrap();
        assert_eq!(
            (found.version, found.memory),
            (Version::One, "/r/memory/docker/abc".into())
        );
        assert_eq!(found.cpu, Path::new("/r/cpuacct/docker/abc"));
        assert_eq!(found.disk, None);
        let with_disk = format!("{one}7:blkio:/docker/abc\n");
        let found = places(&with_disk, "abc", root).unwrap();
        assert_eq!(found.disk, Some("/r/blkio/docker/abc".into()));
        let found = places(two, "abc", root).unwrap();
        assert_eq!(
            (found.version, found.cpu),
            (Version::Two, "/r/system.slice/docker-abc.scope".into())
        );
        assert_eq!(places(two, "other", root), None);
        assert_eq!(places("", "abc", root), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
        })]

        #[test]
        fn any_list_of_groups_is_read(groups in "([0-9]{0,3}:(cpuacct|memory|blkio|,|x){0,4}:/(docker/)?(abc|[a-z]){0,3}\\n?){0,8}") {
            places(&groups, "abc", Path::new("/r"));
        }
    }
}
