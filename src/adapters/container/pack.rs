//! Files on their way into a container: one tar with numeric owners.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tar::{Builder, EntryType, Header};

use crate::engine::SyncCopy;

/// Who owns what is copied in, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owner {
    pub(super) user: u64,
    pub(super) group: u64,
}

/// Who owns the files of one copying.
#[derive(Debug, Clone, Default)]
pub(super) struct Owners {
    /// Of those that name nobody.
    pub(super) own: Owner,
    /// Of those that name somebody, by what they say.
    pub(super) named: HashMap<String, Owner>,
}

impl Owners {
    fn of(&self, copy: &SyncCopy) -> Owner {
        let named = copy.stamp.owner.as_ref();
        let named = named.and_then(|name| self.named.get(name));
        named.copied().unwrap_or(self.own)
    }
}

/// One tar, rooted at `/`, of every file among `copies` that still exists; `None` when there is none. A file that went away
/// meanwhile is left out: its deletion is the next change. Reads files, so it blocks.
pub(super) fn pack(copies: &[SyncCopy], owners: &Owners) -> io::Result<Option<Vec<u8>>> {
    let mut tar = Builder::new(Vec::new());
    let mut empty = true;
    for copy in copies {
        let Some(from) = &copy.from else { continue };
        match append(&mut tar, from, copy, owners.of(copy)) {
            Ok(()) => empty = false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let said = format!("{}: {error}", from.display());
                return Err(io::Error::new(error.kind(), said));
            }
        }
    }
    let bytes = tar.into_inner()?;
    Ok((!empty).then_some(bytes))
}

fn append(
    tar: &mut Builder<Vec<u8>>,
    from: &Path,
    copy: &SyncCopy,
    owner: Owner,
) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    let mut header = Header::new_gnu();
    header.set_mode(copy.stamp.mode.unwrap_or(found.mode() & 0o7777));
    header.set_uid(owner.user);
    header.set_gid(owner.group);
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_size(0);
    let to = copy.to.trim_start_matches('/');
    if found.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        return tar.append_link(&mut header, to, fs::read_link(from)?);
    }
    if found.is_dir() {
        header.set_entry_type(EntryType::Directory);
        return tar.append_data(
            &mut header,
            format!("{}/", to.trim_end_matches('/')),
            io::empty(),
        );
    }
    // Read whole before the size is written: a file that is being written may grow between the two.
    let content = fs::read(from)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, to, content.as_slice())
}

/// The owner that a `user` setting (`""`, `uid`, `uid:gid`, `name`, `name:group`) means with these files of the image.
/// What cannot be found is root's, as for the engine.
pub(super) fn owner(user: &str, passwd: &str, group: &str) -> Owner {
    let (name, group_name) = user
        .split_once(':')
        .map_or((user, None), |(user, group)| (user, Some(group)));
    if name.is_empty() {
        return Owner::default();
    }
    let entry = passwd.lines().map(fields).find(|entry| {
        entry.first() == Some(&name) || name.parse::<u64>().is_ok() && entry.get(2) == Some(&name)
    });
    let number = |text: Option<&&str>| text.and_then(|text| text.parse().ok());
    let in_entry = |at: usize| entry.as_ref().and_then(|entry| number(entry.get(at)));
    let by_group_name = |wanted: &str| {
        let entry = group
            .lines()
            .map(fields)
            .find(|entry| entry.first() == Some(&wanted));
        entry.and_then(|entry| number(entry.get(2)))
    };
    Owner {
        user: name.parse().ok().or_else(|| in_entry(2)).unwrap_or(0),
        group: match group_name {
            Some(group) => group
                .parse()
                .ok()
                .or_else(|| by_group_name(group))
                .unwrap_or(0),
            None => in_entry(3).unwrap_or(0),
        },
    }
}

/// Whether an owner can be told without reading files of the image.
pub(super) fn is_plain(user: &str) -> bool {
    let numeric = |text: &str| text.parse::<u64>().is_ok();
    user.is_empty()
        || user
            .split_once(':')
            .is_some_and(|(user, group)| numeric(user) && numeric(group))
}

/// The content of the first file in a tar, as text.
pub(super) fn first_file(tar: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(tar);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    let mut text = Vec::new();
    io::Read::read_to_end(&mut entry, &mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stamp;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/app:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nwww:x:33:app\n";

    #[test]
    fn users_become_numbers() {
        for (user, expected) in [
            ("", (0, 0)),
            ("app", (1000, 1001)),
            ("1000", (1000, 1001)),
            ("77", (77, 0)),
            ("77:78", (77, 78)),
            ("app:www", (1000, 33)),
            ("nobody-knows", (0, 0)),
        ] {
            let found = owner(user, PASSWD, GROUP);
            assert_eq!((found.user, found.group), expected, "{user}");
        }
    }

    #[test]
    fn a_tar_has_numbers_modes_and_what_still_exists() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.sh");
        fs::write(&file, "echo").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("run.sh", &link).unwrap();
        let copy = |from: Option<&Path>, to: &str| SyncCopy::new(from.map(Path::to_path_buf), to);
        let long = format!("/app/{}/x", "d".repeat(180));
        let mut stamped = copy(Some(&file), "/app/stamped");
        stamped.stamp = Stamp {
            owner: Some("root".into()),
            mode: Some(0o600),
        };
        let copies = [
            copy(Some(&file), "/app/run.sh"),
            copy(Some(&link), "/app/link"),
            copy(Some(&file), &long),
            copy(Some(&folder.path().join("gone")), "/app/gone"),
            copy(None, "/app/deleted"),
            stamped,
        ];
        let own = Owner { user: 7, group: 8 };
        let named = HashMap::from([("root".to_owned(), Owner::default())]);
        let tar = pack(&copies, &Owners { own, named }).unwrap().unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (
                    entry.path().unwrap().display().to_string(),
                    header.mode().unwrap(),
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                )
            })
            .collect();
        assert_eq!(found.len(), 4);
        assert_eq!(found[3], ("app/stamped".into(), 0o600, 0, 0));
        assert_eq!(found[0], ("app/run.sh".into(), 0o750, 7, 8));
        assert_eq!(found[1].0, "app/link");
        assert_eq!(found[2].0, long[1..]);
    }

    #[test]
    fn only_deletions_need_no_tar() {
        let copies = [SyncCopy::new(None, "/x")];
        assert_eq!(pack(&copies, &Owners::default()).unwrap(), None);
    }
}
