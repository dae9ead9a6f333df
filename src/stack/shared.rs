//! What the services of a stack share: networks, volumes, and files that are handed to them; and how all of it is named.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How what a stack makes in the engine is named and labelled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// In Boatyard's own way.
    #[default]
    Boatyard,
    /// As Compose does, so that Compose's commands see it.
    Compose(ComposeProject),
}

/// What Compose's labels tell of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ComposeProject {
    /// Its name.
    pub project: String,
    /// The folder against which its relative paths are resolved.
    pub working_dir: PathBuf,
    /// The files it was read from, in order.
    pub config_files: Vec<PathBuf>,
    /// The environment files that were named on the command line.
    pub environment_files: Vec<PathBuf>,
}

/// A network of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its very name in the engine; `None`: made of the stack's name and its key.
    pub name: Option<String>,
    /// Whether somebody else made it, and it must be there.
    pub external: bool,
    /// Whether nothing outside is reached from it.
    pub internal: bool,
    /// Whether containers that are not the stack's may be attached to it by hand.
    pub attachable: bool,
    /// Its driver; `None`: the engine's default.
    pub driver: Option<String>,
    /// The driver's options.
    pub driver_opts: IndexMap<String, String>,
    /// How its addresses are given out.
    pub ipam: Ipam,
    /// Whether it has IPv4 addresses; `None`: as the engine does it.
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6 addresses; `None`: as the engine does it.
    pub enable_ipv6: Option<bool>,
    /// Further labels.
    pub labels: IndexMap<String, String>,
}

/// How a network's addresses are given out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// By which driver; `None`: the engine's default.
    pub driver: Option<String>,
    /// Out of which ranges.
    pub pools: Vec<AddressPool>,
    /// The driver's options.
    pub options: IndexMap<String, String>,
}

/// A range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AddressPool {
    /// All of it, as `ADDRESS/BITS`.
    pub subnet: Option<String>,
    /// The part that containers get, as `ADDRESS/BITS`.
    pub ip_range: Option<String>,
    /// This machine's address in it.
    pub gateway: Option<String>,
    /// Addresses that are somebody else's, by their names.
    pub aux_addresses: IndexMap<String, String>,
}

/// A named volume of the stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Its very name in the engine; `None`: made of the stack's name and its key.
    pub name: Option<String>,
    /// Whether somebody else made it, and it must be there.
    pub external: bool,
    /// Its driver; `None`: the engine's default.
    pub driver: Option<String>,
    /// The driver's options.
    pub driver_opts: IndexMap<String, String>,
    /// Further labels.
    pub labels: IndexMap<String, String>,
}

/// What a config or a secret is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// A file of this machine, absolute. It is mounted, so its user and mode are those it has here.
    File(PathBuf),
    /// The value that a variable had when the stack was read.
    Environment {
        /// The variable's name.
        variable: String,
        /// Its value.
        value: String,
    },
    /// Text that stands in the stack file.
    Text(String),
    /// Something that only a cluster keeps. A problem says so when the stack is read.
    External {
        /// Its name there.
        name: String,
    },
}
