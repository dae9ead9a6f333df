//! File systems: whether the kernel tells of what happens on them, asked once for each by a canary, a file that is made and
//! removed again.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::WatchNews;
use crate::engine::Moment;

/// File systems that other machines write to, of whose writes the kernel does not tell (`statfs(2)`).
const REMOTE: [(u32, &str); 15] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "SMB"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x786f_4256, "VirtualBox"),
    (0x7c7c_6673, "Parallels"),
    (0xbacb_acbc, "VMware"),
    (0x5346_4846, "WSL"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7461_636f, "OCFS2"),
];

/// File systems of this machine, of whose every write the kernel tells: ext, btrfs, XFS, F2FS, bcachefs, ZFS, tmpfs, ramfs,
/// overlayfs.
const LOCAL: [u32; 9] = [
    0xef53,
    0x9123_683e,
    0x5846_5342,
    0xf2f5_2010,
    0xca45_1a4e,
    0x2fc1_2fc1,
    0x0102_1994,
    0x8584_58f6,
    0x794c_7630,
];

/// How long the kernel has to tell of a canary.
const PATIENCE: Duration = Duration::from_secs(2);

/// The file systems that were met.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    met: BTreeMap<u64, Kind>,
    /// Folders, one for each file system, on which a canary is still to be let out.
    unasked: Vec<(u64, PathBuf)>,
    waiting: Vec<Canary>,
    /// News to be told.
    news: Vec<WatchNews>,
    /// No file system is trusted without a canary.
    pub(super) trusts_none: bool,
}

/// How far the kernel's word is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It tells of everything, or is about to be asked whether it does.
    Heard,
    /// What is not told is looked for.
    Polled,
}

#[derive(Debug)]
struct Canary {
    device: u64,
    folder: PathBuf,
    file: PathBuf,
    until: Moment,
}

impl Mounts {
    /// A folder is watched on this file system; whether it is to be polled besides.
    pub(super) fn meet(&mut self, device: u64, folder: &Path) -> bool {
        if let Some(kind) = self.met.get(&device) {
            return *kind == Kind::Polled;
        }
        let kind = kind_of(folder);
        let remote = REMOTE.iter().find(|(number, _)| Some(*number) == kind);
        if let Some((_, name)) = remote {
            self.news.push(remote_news(folder, name));
        } else if self.trusts_none || !kind.is_some_and(|kind| LOCAL.contains(&kind)) {
            self.unasked.push((device, folder.to_owned()));
        }
        let kind = if remote.is_some() {
            Kind::Polled
        } else {
            Kind::Heard
        };
        self.met.insert(device, kind);
        kind == Kind::Polled
    }

    /// Lets out the canaries that are due. Answers with the file systems on which there can be none.
    pub(super) fn sing(&mut self, now: Moment) -> Vec<u64> {
        let mut mute = Vec::new();
        for (device, folder) in std::mem::take(&mut self.unasked) {
            // By its name an editor's backup, which means nothing to anybody.
            let file = folder.join(format!(".boatyard-{}.canary~", std::process::id()));
            match let_out(&file) {
                Ok(()) => self.waiting.push(Canary {
                    device,
                    folder,
                    file,
                    until: now + PATIENCE,
                }),
                Err(why) => {
                    let why = format!("nothing can be written there to see whether it does: {why}");
                    self.give_up(device, &folder, &why);
                    mute.push(device);
                }
            }
        }
        mute
    }

    /// The kernel told of this path.
    pub(super) fn heard(&mut self, path: &Path) {
        self.waiting.retain(|canary| canary.file != path);
    }

    /// When it is certain that nothing is told of a canary.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.waiting.iter().map(|canary| canary.until).min()
    }

    /// File systems of whose canary nothing was told in time.
    pub(super) fn silent(&mut self, now: Moment) -> Vec<u64> {
        let mut silent = Vec::new();
        for canary in std::mem::take(&mut self.waiting) {
            if canary.until > now {
                self.waiting.push(canary);
            } else {
                let why = "a file was made and removed there, and no word of it came";
                self.give_up(canary.device, &canary.folder, why);
                silent.push(canary.device);
            }
        }
        silent
    }

    /// What is to be said, once.
    pub(super) fn news(&mut self) -> Vec<WatchNews> {
        std::mem::take(&mut self.news)
    }

    fn give_up(&mut self, device: u64, folder: &Path, why: &str) {
        self.met.insert(device, Kind::Polled);
        self.news.push(WatchNews::Problem {
            what: format!(
                "the kernel may not tell of what is saved in {} ({why}): its folders are looked at once a second",
                folder.display()
            ),
            remedy: "keep the sources on a file system of this machine, or wait that second".into(),
        });
    }
}

fn remote_news(folder: &Path, name: &str) -> WatchNews {
    WatchNews::Problem {
        what: format!(
            "{} is on a file system that others can write to ({name}), of which the kernel does not tell: its folders are \
             looked at once a second",
            folder.display()
        ),
        remedy: "keep the sources on a file system of this machine, or wait that second".into(),
    }
}

fn let_out(file: &Path) -> std::io::Result<()> {
    // Left by one that was killed in between, it would be in the way.
    drop(std::fs::remove_file(file));
    OpenOptions::new().write(true).create_new(true).open(file)?;
    std::fs::remove_file(file)
}

fn kind_of(folder: &Path) -> Option<u32> {
    let data = rustix::fs::statfs(folder).ok()?;
    // It is wider than the number in it, and signed.
    u32::try_from(data.f_type & 0xffff_ffff).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn said(mounts: &mut Mounts) -> Vec<String> {
        let news = mounts.news().into_iter();
        news.map(|news| match news {
            WatchNews::Problem { what, .. } => what,
            WatchNews::StackSaved { .. } => panic!("{news:?}"),
        })
        .collect()
    }

    #[test]
    fn each_file_system_is_asked_once_and_polled_if_it_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        let mut mounts = Mounts {
            trusts_none: true,
            ..Mounts::default()
        };
        assert!(!mounts.meet(1, folder.path()));
        assert!(!mounts.meet(1, Path::new("/elsewhere")));
        assert!(mounts.sing(at(0)).is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(mounts.silent(at(1999)).is_empty());
        assert_eq!(mounts.deadline(), Some(at(2000)));
        assert_eq!(mounts.silent(at(2000)), [1]);
        assert!(mounts.meet(1, folder.path()));
        assert_eq!(said(&mut mounts).len(), 1);
        assert!(mounts.sing(at(3000)).is_empty(), "once is enough");
        assert_eq!(mounts.deadline(), None);
    }

    #[test]
    fn a_canary_that_is_heard_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let mut mounts = Mounts {
            trusts_none: true,
            ..Mounts::default()
        };
        mounts.meet(1, folder.path());
        mounts.sing(at(0));
        let file = mounts.waiting[0].file.clone();
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(super::super::names::is_temporary(&name));
        mounts.heard(&file);
        assert!(mounts.silent(at(9000)).is_empty());
        assert!(!mounts.meet(1, folder.path()));
        assert!(said(&mut mounts).is_empty());
    }

    #[test]
    fn where_no_canary_can_be_the_folders_are_polled() {
        let mut mounts = Mounts::default();
        let gone = Path::new("/nowhere/at/all");
        mounts.meet(7, gone);
        assert_eq!(mounts.sing(at(0)), [7]);
        assert!(mounts.meet(7, gone));
        let said = said(&mut mounts);
        assert!(said[0].contains("nothing can be written there"), "{said:?}");
    }

    #[test]
    fn file_systems_of_this_machine_need_none() {
        let mut mounts = Mounts::default();
        let folder = tempfile::tempdir().unwrap();
        mounts.meet(1, folder.path());
        assert!(mounts.unasked.is_empty(), "{:x?}", kind_of(folder.path()));
    }
}
