//! Files written into their places.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::super::super::pack::Owner;
use super::super::protocol::{Contents, FileHead};

/// Writes and deletes, in order. `owner_of` tells who owns what names this owner, or none. Errors in words.
pub(super) fn write(
    files: &[FileHead],
    body: &[u8],
    owner_of: impl Fn(Option<&str>) -> Owner,
) -> Result<(), String> {
    let mut owners: HashMap<Option<&str>, Owner> = HashMap::new();
    let mut rest = body;
    for file in files {
        let size = match file.contents {
            Contents::File { size } => usize::try_from(size).unwrap_or(usize::MAX),
            Contents::Link { .. } | Contents::Folder | Contents::Gone => 0,
        };
        let (content, after) = rest
            .split_at_checked(size)
            .ok_or("the contents are shorter than they should be")?;
        rest = after;
        let named = file.owner.as_deref();
        let owner = *owners.entry(named).or_insert_with(|| owner_of(named));
        put(file, content, owner).map_err(|error| format!("cannot write {}: {error}", file.to))?;
    }
    Ok(())
}

fn put(file: &FileHead, content: &[u8], owner: Owner) -> io::Result<()> {
    let to = Path::new(&file.to);
    if file.contents == Contents::Gone {
        return remove(to);
    }
    if let Some(parent) = to.parent() {
        make_folders(parent, owner)?;
    }
    match &file.contents {
        Contents::File { .. } => put_file(file, to, content, owner),
        Contents::Link { target } => {
            remove(to)?;
            symlink(target, to)?;
            give(to, owner)
        }
        Contents::Folder => {
            make_folders(to, owner)?;
            fs::set_permissions(to, Permissions::from_mode(file.mode))
        }
        Contents::Gone => Ok(()),
    }
}

/// Beside its place first and then in it, so that nobody reads half of it.
fn put_file(file: &FileHead, to: &Path, content: &[u8], owner: Owner) -> io::Result<()> {
    if to.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        fs::remove_dir_all(to)?;
    }
    let beside = beside(to);
    let written = fill(&beside, file, content, owner).and_then(|()| fs::rename(&beside, to));
    match written {
        // A file that is mounted by itself cannot be replaced, and some file systems rename nothing.
        Err(error) if cannot_be_replaced(&error) => {
            drop(fs::remove_file(&beside));
            fill(to, file, content, owner)
        }
        Err(error) => {
            drop(fs::remove_file(&beside));
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}

fn cannot_be_replaced(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices
    )
}

fn fill(place: &Path, file: &FileHead, content: &[u8], owner: Owner) -> io::Result<()> {
    let mut out = File::create(place)?;
    out.write_all(content)?;
    give(place, owner)?;
    // After the owner: a change of owner takes set-id bits away.
    out.set_permissions(Permissions::from_mode(file.mode))?;
    let since = Duration::from_secs(u64::try_from(file.modified).unwrap_or(0));
    let modified = SystemTime::UNIX_EPOCH + since;
    out.set_times(FileTimes::new().set_modified(modified))
}

fn beside(to: &Path) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.boatyard~"))
}

fn make_folders(folder: &Path, owner: Owner) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|path| !path.exists())
        .collect();
    for path in missing.into_iter().rev() {
        // A link to nowhere is in the way of a folder.
        if path.is_symlink() {
            fs::remove_file(path)?;
        }
        fs::create_dir(path)?;
        give(path, owner)?;
    }
    Ok(())
}

/// Who is not root cannot give anything away, and is the owner.
fn give(path: &Path, owner: Owner) -> io::Result<()> {
    let number = |id: u64| u32::try_from(id).ok();
    let (user, group) = (number(owner.user), number(owner.group));
    let is_link = path.is_symlink();
    let given = if is_link {
        lchown(path, user, group)
    } else {
        chown(path, user, group)
    };
    match given {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(to: &Path, contents: Contents) -> FileHead {
        FileHead {
            to: to.display().to_string(),
            contents,
            owner: None,
            mode: 0o750,
            modified: 1_000,
        }
    }

    fn us(_: Option<&str>) -> Owner {
        Owner {
            user: rustix::process::getuid().as_raw().into(),
            group: rustix::process::getgid().as_raw().into(),
        }
    }

    #[test]
    fn files_links_and_folders_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let size = Contents::File { size: 2 };
        let files = [
            head(&at("new/deep/a"), size.clone()),
            head(&at("b"), size.clone()),
            head(&at("link"), Contents::Link { target: "b".into() }),
            head(&at("empty"), Contents::Folder),
        ];
        write(&files, b"aabb", us).unwrap();
        assert_eq!(fs::read(at("new/deep/a")).unwrap(), b"aa");
        assert_eq!(fs::read(at("link")).unwrap(), b"bb");
        assert!(at("empty").is_dir());
        let data = at("b").metadata().unwrap();
        assert_eq!(data.permissions().mode() & 0o7777, 0o750);
        assert_eq!(
            data.modified().unwrap(),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)
        );
        let gone =
            ["new", "b", "link", "never", "b/below"].map(|name| head(&at(name), Contents::Gone));
        write(&gone, b"", us).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_in_the_way_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("was-folder")).unwrap();
        fs::write(at("was-folder/x"), "x").unwrap();
        symlink("nowhere", at("was-link")).unwrap();
        let size = Contents::File { size: 1 };
        let files = [
            head(&at("was-folder"), size.clone()),
            head(&at("was-link"), size),
        ];
        write(&files, b"12", us).unwrap();
        assert_eq!(fs::read(at("was-folder")).unwrap(), b"1");
        assert_eq!(fs::read(at("was-link")).unwrap(), b"2");
        assert!(!at("was-link").is_symlink());
    }

    #[test]
    fn too_little_content_is_an_error() {
        let file = head(Path::new("/nowhere"), Contents::File { size: 9 });
        assert!(write(&[file], b"short", us).is_err());
    }
}
