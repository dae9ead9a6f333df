//! Mounts as the engine takes them, and the named volumes behind them.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::{
    HostConfig, Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountTmpfsOptions, MountType, MountVolumeOptions, VolumeCreateRequest,
};

use super::find::ContainerEngine;
use super::labels;
use super::options::map;
use super::words::{is_gone, reason};
use crate::adapters::Identity;
use crate::stack::{Mount, MountKind, MountOptions, Service, Stack};

/// The first API by which the engine itself makes the folder of a bind mount.
const MAKES_FOLDERS: (usize, usize) = (1, 42);

/// Sets the mounts of a service.
pub(super) fn set(host: &mut HostConfig, service: &Service, stack: &Stack, identity: &Identity) {
    let mut mounts = Vec::new();
    let mut memory = HashMap::new();
    for it in &service.volumes {
        let none = MountOptions::default();
        let options = service.container.mounts.get(&it.target).unwrap_or(&none);
        // Only here does the engine take whatever `mount` does.
        if it.kind == MountKind::Tmpfs && !options.tmpfs_options.is_empty() {
            memory.insert(it.target.clone(), memory_words(it, options));
        } else {
            mounts.push(mount(it, options, stack, identity));
        }
    }
    host.mounts = Some(mounts);
    host.tmpfs = (!memory.is_empty()).then_some(memory);
}

fn mount(mount: &Mount, options: &MountOptions, stack: &Stack, identity: &Identity) -> EngineMount {
    let (typ, source) = match &mount.kind {
        MountKind::Volume(key) => (MountType::VOLUME, Some(volume_name(key, stack, identity))),
        MountKind::Bind(path) => (MountType::BIND, Some(path.display().to_string())),
        MountKind::Anonymous => (MountType::VOLUME, None),
        MountKind::Tmpfs => (MountType::TMPFS, None),
    };
    let is_plain = *options == MountOptions::default();
    EngineMount {
        typ: Some(typ),
        source,
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        bind_options: (typ == MountType::BIND && !is_plain).then(|| bind(options)),
        volume_options: (typ == MountType::VOLUME && !is_plain).then(|| MountVolumeOptions {
            no_copy: options.nocopy.then_some(true),
            subpath: options.subpath.clone(),
            labels: map(&options.labels),
            ..MountVolumeOptions::default()
        }),
        tmpfs_options: (typ == MountType::TMPFS && !is_plain).then(|| MountTmpfsOptions {
            size_bytes: options.tmpfs_size,
            mode: options.tmpfs_mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        ..EngineMount::default()
    }
}

fn bind(options: &MountOptions) -> MountBindOptions {
    use MountBindOptionsPropagationEnum as To;
    MountBindOptions {
        propagation: match options.propagation.as_deref() {
            Some("private") => Some(To::PRIVATE),
            Some("rprivate") => Some(To::RPRIVATE),
            Some("shared") => Some(To::SHARED),
            Some("rshared") => Some(To::RSHARED),
            Some("slave") => Some(To::SLAVE),
            Some("rslave") => Some(To::RSLAVE),
            Some(_) | None => None,
        },
        non_recursive: options.non_recursive.then_some(true),
        create_mountpoint: options.create_host_path.then_some(true),
        ..MountBindOptions::default()
    }
}

/// As `mount -o` takes them.
fn memory_words(mount: &Mount, options: &MountOptions) -> String {
    let size = options.tmpfs_size.map(|size| format!("size={size}"));
    let mode = options.tmpfs_mode.map(|mode| format!("mode={mode:o}"));
    let read_only = mount.read_only.then(|| "ro".to_owned());
    let own = options.tmpfs_options.iter().cloned();
    let words: Vec<String> = size
        .into_iter()
        .chain(mode)
        .chain(read_only)
        .chain(own)
        .collect();
    words.join(",")
}

/// Name of a named volume in the engine.
pub(super) fn volume_name(key: &str, stack: &Stack, identity: &Identity) -> String {
    let said = stack.volumes.get(key);
    let name = said.and_then(|volume| volume.name.clone());
    name.unwrap_or_else(|| match said {
        Some(volume) if volume.external => key.to_owned(),
        Some(_) | None => identity.volume(key),
    })
}

/// Makes what a service's mounts need: its named volumes, which a mount alone would not give labels, and folders that the
/// engine does not make by itself.
///
/// # Errors
/// In words.
pub(super) async fn make(
    engine: &ContainerEngine,
    service: &Service,
    stack: &Stack,
    identity: &Identity,
) -> Result<(), String> {
    for mount in &service.volumes {
        match &mount.kind {
            MountKind::Volume(key) => make_volume(engine, key, stack, identity).await?,
            MountKind::Bind(path) => {
                let options = service.container.mounts.get(&mount.target);
                let is_wished = options.is_some_and(|options| options.create_host_path);
                if is_wished && engine.facts.api < MAKES_FOLDERS && engine.endpoint().is_local() {
                    let made = tokio::fs::create_dir_all(path).await;
                    made.map_err(|error| {
                        let name = &service.name;
                        format!(
                            "{} cannot be made: {error}; make it, or correct `volumes` of {name}",
                            path.display()
                        )
                    })?;
                }
            }
            MountKind::Anonymous | MountKind::Tmpfs => {}
        }
    }
    Ok(())
}

async fn make_volume(
    engine: &ContainerEngine,
    key: &str,
    stack: &Stack,
    identity: &Identity,
) -> Result<(), String> {
    let said = stack.volumes.get(key);
    let name = volume_name(key, stack, identity);
    if said.is_some_and(|volume| volume.external) {
        let found = engine.client.inspect_volume(&name).await;
        return found.map(drop).map_err(|error| missing(&name, &error));
    }
    let volume = VolumeCreateRequest {
        name: Some(name.clone()),
        driver: said.and_then(|volume| volume.driver.clone()),
        driver_opts: said.and_then(|volume| map(&volume.driver_opts)),
        labels: Some(labels::of_volume(identity, key, said)),
        ..VolumeCreateRequest::default()
    };
    // One that is there already is left as it is, and used.
    let made = engine.client.create_volume(volume).await;
    made.map(drop)
        .map_err(|error| format!("volume {name} cannot be made: {}", reason(&error)))
}

fn missing(name: &str, error: &Error) -> String {
    if is_gone(error) {
        return format!(
            "volume {name} is external and is not there; make it with `docker volume create {name}`, or take `external` away"
        );
    }
    format!("volume {name} cannot be looked at: {}", reason(error))
}
