//! Configs and secrets as files: mounted where they are files of this machine and nothing is said of owner and mode, else
//! copied into the container before its program starts.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use bollard::models::{Mount as EngineMount, MountType};
use tar::{Builder, EntryType, Header};

use super::find::ContainerEngine;
use super::sync::upload;
use crate::adapters::Identity;
use crate::engine::RunId;
use crate::stack::{FileContent, Grant, Service};

/// The mode of a file of which none is said: readable by all, as Compose makes it.
const MODE: u32 = 0o444;

/// What a service is granted, ready for one run.
#[derive(Debug, Default)]
pub(super) struct Granted {
    /// To be mounted.
    pub(super) mounts: Vec<EngineMount>,
    /// To be copied in before the start; `None`: nothing.
    pub(super) tar: Option<Vec<u8>>,
}

/// Reads what a service is granted. Blocks.
///
/// # Errors
/// In words: what cannot be read, and what to do.
pub(super) fn read(
    service: &Service,
    identity: &Identity,
    run: RunId,
    is_local: bool,
) -> Result<Granted, String> {
    let options = &service.container;
    let configs = options
        .configs
        .iter()
        .map(|it| ("config", it, it.config_path()));
    let secrets = options
        .secrets
        .iter()
        .map(|it| ("secret", it, it.secret_path()));
    let mut granted = Granted::default();
    let mut tar = Builder::new(Vec::new());
    let mut copied = 0;
    for (kind, grant, to) in configs.chain(secrets) {
        let is_plain = grant.uid.is_none() && grant.gid.is_none() && grant.mode.is_none();
        match &grant.content {
            FileContent::File(path) if is_plain && is_local => {
                if !path.exists() {
                    return Err(missing(kind, grant, path, "it does not exist"));
                }
                granted.mounts.push(mount(path, &to));
            }
            content => {
                let bytes = content_of(kind, grant, content)?;
                let failed = |error: io::Error| format!("{kind} {}: {error}", grant.source);
                if options.read_only && is_local {
                    // The engine copies nothing into a container that cannot be written.
                    let name = format!("{}-{copied}", run.0);
                    let file = keep(&identity.granted_folder(), &name, &bytes, grant);
                    granted.mounts.push(mount(&file.map_err(failed)?, &to));
                } else {
                    append(&mut tar, &to, &bytes, grant).map_err(failed)?;
                }
                copied += 1;
            }
        }
    }
    let is_empty = tar.get_ref().is_empty();
    let bytes = tar.into_inner().map_err(|error| error.to_string())?;
    granted.tar = (!is_empty).then_some(bytes);
    Ok(granted)
}

/// Copies what is to be copied into a container that was made and not yet started.
///
/// # Errors
/// In words.
pub(super) async fn copy(engine: &ContainerEngine, id: &str, tar: Vec<u8>) -> Result<(), String> {
    let copied = upload(engine, id, tar).await;
    copied.map_err(|why| format!("its configs and secrets: {why}"))
}

fn content_of(kind: &str, grant: &Grant, content: &FileContent) -> Result<Vec<u8>, String> {
    match content {
        FileContent::File(path) => {
            fs::read(path).map_err(|error| missing(kind, grant, path, &error.to_string()))
        }
        FileContent::Environment { value, .. } => Ok(value.clone().into_bytes()),
        FileContent::Text(text) => Ok(text.clone().into_bytes()),
        FileContent::External { name } => Err(format!(
            "{kind} {} is external ({name}), and only a cluster has such ones; give it a `file`, `environment` or `content`",
            grant.source
        )),
    }
}

fn missing(kind: &str, grant: &Grant, path: &Path, why: &str) -> String {
    format!(
        "{kind} {} cannot be read from {}: {why}; make that file, or correct `{kind}s`",
        grant.source,
        path.display()
    )
}

fn mount(from: &Path, to: &str) -> EngineMount {
    EngineMount {
        typ: Some(MountType::BIND),
        source: Some(from.display().to_string()),
        target: Some(to.to_owned()),
        read_only: Some(true),
        ..EngineMount::default()
    }
}

/// Writes what is to be mounted into a folder that only this user can enter.
fn keep(folder: &Path, name: &str, bytes: &[u8], grant: &Grant) -> io::Result<std::path::PathBuf> {
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let path = folder.join(name);
    let mut options = fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    io::Write::write_all(&mut &file, bytes)?;
    file.set_permissions(fs::Permissions::from_mode(grant.mode.unwrap_or(MODE)))?;
    Ok(path)
}

fn append(tar: &mut Builder<Vec<u8>>, to: &str, bytes: &[u8], grant: &Grant) -> io::Result<()> {
    let number = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or("0");
        text.parse::<u64>().map_err(|_| {
            io::Error::other(format!("{text} is no number; `uid` and `gid` are numbers"))
        })
    };
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(grant.mode.unwrap_or(MODE) & 0o7777);
    header.set_uid(number(&grant.uid)?);
    header.set_gid(number(&grant.gid)?);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, to.trim_start_matches('/'), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(content: FileContent) -> Grant {
        Grant {
            source: "key".into(),
            content,
            target: None,
            uid: None,
            gid: None,
            mode: None,
        }
    }

    fn granted(secret: Grant) -> Result<Granted, String> {
        let mut service = Service::named("s");
        service.container.secrets = vec![secret];
        let identity = Identity::new("t", Path::new("/"), "1".into());
        read(&service, &identity, RunId(1), true)
    }

    #[test]
    fn a_value_is_copied_with_the_owner_and_mode_that_are_said() {
        let mut secret = grant(FileContent::Environment {
            variable: "KEY".into(),
            value: "s3cret".into(),
        });
        secret.uid = Some("1000".into());
        secret.mode = Some(0o400);
        let tar = granted(secret).unwrap().tar.unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str(), Some("run/secrets/key"));
        assert_eq!(entry.header().mode().unwrap(), 0o400);
        assert_eq!(entry.header().uid().unwrap(), 1000);
        let mut text = String::new();
        io::Read::read_to_string(&mut entry, &mut text).unwrap();
        assert_eq!(text, "s3cret");
    }

    #[test]
    fn what_cannot_be_had_is_said_with_what_to_do() {
        let mut named = grant(FileContent::Text("x".into()));
        named.uid = Some("app".into());
        for (secret, part) in [
            (
                grant(FileContent::File("/no/such/file".into())),
                "make that file, or correct `secrets`",
            ),
            (named, "app is no number"),
            (
                grant(FileContent::External { name: "x".into() }),
                "only a cluster has such ones",
            ),
        ] {
            let why = granted(secret).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
    }
}
