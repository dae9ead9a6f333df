//! `volumes`, `tmpfs` and `volumes_from`: what is mounted.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::super::forms;
use super::super::node::Node;
use super::{Mapping, get};
use crate::stack::{Mount, MountKind, MountOptions};

/// The mounts of a service, and what is said of them beyond what every mount has.
#[derive(Default)]
pub(super) struct Mounts {
    pub(super) mounts: Vec<Mount>,
    pub(super) options: IndexMap<String, MountOptions>,
}

/// Reads the mounts of a service.
pub(super) fn read(service: &Node, mapping: &mut Mapping<'_>) -> Mounts {
    let mut found = own(service, mapping);
    for from in get::texts(service, "volumes_from") {
        inherit(&from, service, &mut found, mapping);
    }
    found
}

fn own(service: &Node, mapping: &mut Mapping<'_>) -> Mounts {
    let mut found = Mounts::default();
    for volume in service
        .get("volumes")
        .map(Node::members)
        .unwrap_or_default()
    {
        found.extend(mount(volume, mapping));
    }
    for text in get::texts(service, "tmpfs") {
        found.extend(Some(tmpfs(&text)));
    }
    found
}

impl Mounts {
    /// Adds a mount, unless something is mounted there already.
    fn extend(&mut self, found: Option<(Mount, MountOptions)>) {
        let Some((mount, options)) = found else {
            return;
        };
        if self.mounts.iter().any(|other| other.target == mount.target) {
            return;
        }
        if options != MountOptions::default() {
            self.options.insert(mount.target.clone(), options);
        }
        self.mounts.push(mount);
    }
}

/// The mounts of another service, where it does not have its own.
fn inherit(from: &str, service: &Node, found: &mut Mounts, mapping: &mut Mapping<'_>) {
    let (name, access) = from.split_once(':').unwrap_or((from, "rw"));
    let others = mapping.project.model.find(&["services", name]);
    let Some(other) = others.filter(|_| name != "container") else {
        let at = service
            .get("volumes_from")
            .map_or(&service.at, |node| &node.at);
        let message = format!("the volumes of {from} are not mounted");
        mapping.warning(
            at,
            message,
            "Boatyard mounts the volumes of services of the same project",
        );
        return;
    };
    let other = own(&other.clone(), mapping);
    for mount in other.mounts {
        let options = other.options.get(&mount.target).cloned();
        let read_only = mount.read_only || access == "ro";
        found.extend(Some((
            Mount { read_only, ..mount },
            options.unwrap_or_default(),
        )));
    }
}

fn mount(volume: &Node, mapping: &mut Mapping<'_>) -> Option<(Mount, MountOptions)> {
    let source = get::text(volume, "source").filter(|source| !source.is_empty());
    let kind = match (volume.text_of("type").unwrap_or("volume"), source) {
        ("volume", Some(name)) => MountKind::Volume(name),
        ("volume", None) => MountKind::Anonymous,
        ("bind", Some(path)) => MountKind::Bind(PathBuf::from(path)),
        ("tmpfs", _) => MountKind::Tmpfs,
        (other, _) => {
            let message = format!("a mount of type {other} is left out");
            mapping.warning(
                &volume.at,
                message,
                "Boatyard mounts volumes, binds and tmpfs",
            );
            return None;
        }
    };
    let nothing = Node::default();
    let part = |section: &str| volume.get(section).unwrap_or(&nothing);
    let (bind, named, memory) = (part("bind"), part("volume"), part("tmpfs"));
    let options = MountOptions {
        propagation: get::text(bind, "propagation"),
        // The short form makes the folder; of the long form only one with "bind" does, unless it says no.
        create_host_path: matches!(kind, MountKind::Bind(_))
            && get::flag(bind, "create_host_path").unwrap_or(volume.get("bind").is_some()),
        non_recursive: bind.text_of("recursive") == Some("disabled"),
        nocopy: get::flag(named, "nocopy").unwrap_or(false),
        subpath: get::text(named, "subpath"),
        labels: get::pairs(named, "labels"),
        tmpfs_size: get::bytes(memory, "size"),
        tmpfs_mode: get::mode(memory, "mode"),
        tmpfs_options: Vec::new(),
    };
    let mount = Mount {
        kind,
        target: get::text(volume, "target")?,
        read_only: get::flag(volume, "read_only").unwrap_or(false),
    };
    Some((mount, options))
}

/// `PATH[:OPTIONS]`, the options as `mount -o` takes them.
fn tmpfs(text: &str) -> (Mount, MountOptions) {
    let (target, given) = text.split_once(':').unwrap_or((text, ""));
    let mut options = MountOptions::default();
    let mut read_only = false;
    for option in given.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            None if option == "ro" => read_only = true,
            None if option == "rw" => read_only = false,
            Some(("size", size)) if forms::bytes(size).is_ok() => {
                options.tmpfs_size = forms::bytes(size).ok();
            }
            Some(("mode", mode)) if u32::from_str_radix(mode, 8).is_ok() => {
                options.tmpfs_mode = u32::from_str_radix(mode, 8).ok();
            }
            _ => options.tmpfs_options.push(option.to_owned()),
        }
    }
    let mount = Mount {
        kind: MountKind::Tmpfs,
        target: target.to_owned(),
        read_only,
    };
    (mount, options)
}
