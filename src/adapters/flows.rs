//! Bytes over networks and disks as the kernel counts them: for a network namespace, a process, a control group.
//!
//! All of them are counts since something began; [`Flow::between`] makes rates of two. The formats are those of proc(5) and
//! of the kernel's `cgroup-v1/blkio-controller` and `cgroup-v2` pages.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::telemetry::Flow;

/// What these files hold at most: a line for each interface or device of this machine.
const LONGEST: usize = 16 << 10;

/// What came and went over the interfaces of the network namespace that a process lives in; `None` if it is gone.
pub(super) fn of_network(pid: u32) -> Option<Flow> {
    // Opened anew each time: an open file would keep the namespace of a container that has ended.
    with_text(&File::open(format!("/proc/{pid}/net/dev")).ok()?, |text| {
        Some(interfaces(text))
    })
}

/// What a process, and its children that it has waited for, had read from disks and written to them; `None` if it is gone,
/// or if this user may not know.
pub(super) fn of_process(pid: u32) -> Option<Flow> {
    with_text(&File::open(format!("/proc/{pid}/io")).ok()?, process_io)
}

/// The same for all of these processes together; `None` if it is known of none of them.
pub(super) fn of_processes(pids: impl IntoIterator<Item = u32>) -> Option<Flow> {
    pids.into_iter().filter_map(of_process).reduce(Flow::plus)
}

/// Where the disk traffic of a control group stands.
#[derive(Debug)]
pub(super) enum GroupDisk {
    /// In its own file (`io.stat` of version 2).
    Stat(File),
    /// In its own file (`blkio.throttle.io_service_bytes` of version 1), which leaves out what the kernel writes later, and
    /// on many kernels everything.
    Throttle(File),
    /// Nowhere, but its processes (`cgroup.procs`) can be asked one by one.
    Processes(File),
}

impl GroupDisk {
    /// What was read and written so far, as far as it is counted.
    pub(super) fn read(&self) -> Option<Flow> {
        match self {
            Self::Stat(file) => with_text(file, |text| Some(io_stat(text))),
            Self::Throttle(file) => with_text(file, throttled),
            Self::Processes(file) => with_text(file, |text| of_processes(pids(text))),
        }
    }
}

/// What a file says from its beginning, looked at. A file that is longer than is looked at ends in the middle.
fn with_text<T>(file: &File, look: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut buffer = [0; LONGEST];
    let mut length = 0;
    // The kernel may give a page at a time.
    while length < LONGEST {
        match file.read_at(&mut buffer[length..], length as u64).ok()? {
            0 => break,
            more => length += more,
        }
    }
    look(std::str::from_utf8(&buffer[..length]).ok()?)
}

/// Received and sent over all interfaces but the loopback (`/proc/net/dev`: a heading of two lines, then
/// `NAME: BYTES-RECEIVED … BYTES-SENT …`, the latter being the ninth number).
fn interfaces(text: &str) -> Flow {
    let interface = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        if name.trim() == "lo" {
            return None;
        }
        let mut numbers = numbers.split_ascii_whitespace();
        Some(Flow {
            inward: numbers.next()?.parse().ok()?,
            outward: numbers.nth(7)?.parse().ok()?,
        })
    };
    text.lines()
        .filter_map(interface)
        .reduce(Flow::plus)
        .unwrap_or_default()
}

/// `read_bytes` and `write_bytes` of `/proc/PID/io`: what really went to the layer of disks.
fn process_io(text: &str) -> Option<Flow> {
    let field = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    };
    Some(Flow {
        inward: field("read_bytes:")?,
        outward: field("write_bytes:")?,
    })
}

/// `rbytes` and `wbytes` of all devices (`8:0 rbytes=1 wbytes=2 rios=…`). A group that did nothing yet has no line.
fn io_stat(text: &str) -> Flow {
    let mut total = Flow::default();
    for word in text.split_ascii_whitespace() {
        let count = |name: &str| word.strip_prefix(name)?.parse::<u64>().ok();
        total.inward = total.inward.saturating_add(count("rbytes=").unwrap_or(0));
        total.outward = total.outward.saturating_add(count("wbytes=").unwrap_or(0));
    }
    total
}

/// `Read` and `Write` of all devices (`8:0 Read 1`). Without a line of a device nothing is counted there, or nothing yet.
fn throttled(text: &str) -> Option<Flow> {
    let device = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (device, kind, count) = (words.next()?, words.next()?, words.next()?);
        let count = count.parse().ok().filter(|_| device.contains(':'))?;
        match kind {
            "Read" => Some(Flow {
                inward: count,
                outward: 0,
            }),
            "Write" => Some(Flow {
                inward: 0,
                outward: count,
            }),
            _ => None,
        }
    };
    text.lines().filter_map(device).reduce(Flow::plus)
}

/// The processes of a group. Those that cannot be seen from here are numbered 0.
fn pids(text: &str) -> impl Iterator<Item = u32> {
    let lines = text.lines();
    lines
        .filter_map(|line| line.parse().ok())
        .filter(|pid| *pid != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flow(inward: u64, outward: u64) -> Flow {
        Flow { inward, outward }
    }

    #[test]
    fn interfaces_are_added_without_the_loopback() {
        let text = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    9999       9    0    0    0     0          0         0     9999       9    0    0    0     0       0          0
  eth0:     736       8    0    0    0     0          0         0      120       1    0    0    0     0       0          0
  eth1:1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0
";
        assert_eq!(interfaces(text), flow(1736, 2120));
        assert_eq!(interfaces("    lo: 1 1 0 0 0 0 0 0 1 1\n"), flow(0, 0));
    }

    #[test]
    fn a_process_is_told_by_what_went_to_disks() {
        let text = "rchar: 75550931\nwchar: 75505820\nsyscr: 1208\nsyscw: 1177\nread_bytes: 4096\n\
                    write_bytes: 113246208\ncancelled_write_bytes: 0\n";
        assert_eq!(process_io(text), Some(flow(4096, 113_246_208)));
        assert_eq!(process_io("rchar: 1\n"), None);
    }

    #[test]
    fn groups_of_both_versions_are_added_over_their_devices() {
        let two = "8:0 rbytes=4096 wbytes=100 rios=1 wios=1 dbytes=7 dios=1\n253:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n";
        assert_eq!(io_stat(two), flow(4097, 102));
        assert_eq!(io_stat(""), flow(0, 0));
        let one = "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\n8:16 Read 1\n8:16 Write 2\nTotal 33\n";
        assert_eq!(throttled(one), Some(flow(11, 22)));
        assert_eq!(throttled("Total 0\n"), None);
        assert_eq!(pids("12\n0\n13\n").collect::<Vec<_>>(), [12, 13]);
    }

    #[test]
    fn this_process_is_counted_and_one_that_is_gone_is_not() {
        let own = std::process::id();
        assert!(of_network(own).is_some());
        assert!(of_process(own).is_some());
        assert_eq!(of_processes([u32::MAX, own]), of_process(own));
        assert_eq!(of_network(u32::MAX), None);
        assert_eq!(of_processes([u32::MAX]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_stands_there_is_read(
            text in "([a-z0-9:= |-]{0,20}(rbytes=|wbytes=|Read |Write |eth0:|read_bytes:|write_bytes:|[\\n\\t ]|[0-9]{1,25})){0,30}",
            any in "\\PC{0,200}",
        ) {
            for text in [text, any] {
                interfaces(&text);
                process_io(&text);
                io_stat(&text);
                throttled(&text);
                pids(&text).count();
            }
        }
    }
}
