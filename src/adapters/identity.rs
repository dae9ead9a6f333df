//! Which stack and session something belongs to: labels, names and the state folder.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::stack::{ComposeProject, Naming, OWN_NETWORK, Stack};

/// Identity of one session of one stack. Whatever Boatyard makes carries it, and nothing without it is ever touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the stack.
    pub stack: String,
    /// Folder of the stack file, canonical.
    pub directory: PathBuf,
    /// Eight hexadecimal digits that tell stacks of one name in different folders apart.
    pub hash: String,
    /// This session: process id and start in milliseconds.
    pub session: String,
    /// The project of Compose as which everything is named and labelled too.
    pub compose: Option<ComposeProject>,
}

impl Identity {
    /// Label on everything: the stack's name.
    pub const STACK: &'static str = "boatyard.stack";
    /// Label on everything: [`Identity::hash`].
    pub const HASH: &'static str = "boatyard.hash";
    /// Label on everything: the folder of the stack file.
    pub const DIRECTORY: &'static str = "boatyard.directory";
    /// Label on everything: the session that made it.
    pub const SESSION: &'static str = "boatyard.session";
    /// Label on containers and images: the service.
    pub const SERVICE: &'static str = "boatyard.service";
    /// Label on containers: the run's number.
    pub const RUN: &'static str = "boatyard.run";
    /// Label on containers of relays: `1`.
    pub const RELAY: &'static str = "boatyard.relay";
    /// Label on images: the key of the content they were made of.
    pub const CONTENT: &'static str = "boatyard.content";

    /// The identity of a stack, for a session of this process.
    pub fn new(stack: &str, directory: &Path, session: String) -> Self {
        let directory = directory
            .canonicalize()
            .unwrap_or_else(|_| directory.to_path_buf());
        let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
        let hash = format!(
            "{:08x}",
            u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
        );
        Self {
            stack: stack.to_owned(),
            directory,
            hash,
            session,
            compose: None,
        }
    }

    /// The identity of a stack as it says it is named.
    pub fn of(stack: &Stack, session: String) -> Self {
        let compose = match &stack.naming {
            Naming::Boatyard => None,
            Naming::Compose(project) => Some(project.clone()),
        };
        Self {
            compose,
            ..Self::new(&stack.name, &stack.directory, session)
        }
    }

    /// The labels that everything of this session carries.
    pub fn labels(&self) -> Vec<(String, String)> {
        vec![
            (Self::STACK.into(), self.stack.clone()),
            (Self::HASH.into(), self.hash.clone()),
            (Self::DIRECTORY.into(), self.directory.display().to_string()),
            (Self::SESSION.into(), self.session.clone()),
        ]
    }

    /// Name of the stack's own network.
    pub fn network(&self) -> String {
        self.network_of(OWN_NETWORK)
    }

    /// Name of a network of the stack, by its key.
    pub fn network_of(&self, key: &str) -> String {
        match &self.compose {
            Some(project) => format!("{}_{key}", project.project),
            None if key == OWN_NETWORK => format!("boatyard-{}-{}", self.stack, self.hash),
            None => format!("boatyard-{}-{}_{key}", self.stack, self.hash),
        }
    }

    /// Name of a named volume of the stack: it outlives sessions.
    pub fn volume(&self, name: &str) -> String {
        match &self.compose {
            Some(project) => format!("{}_{name}", project.project),
            None => format!("{}-{}_{name}", self.stack, self.hash),
        }
    }

    /// Tag of the image of a service.
    pub fn image(&self, service: &str) -> String {
        format!(
            "boatyard/{}-{}/{}",
            self.stack.to_lowercase(),
            self.hash,
            service.to_lowercase()
        )
    }

    /// The name that Compose would give the image of a service that names none.
    pub fn compose_image(&self, service: &str) -> Option<String> {
        let project = self.compose.as_ref()?;
        Some(format!("{}-{service}", project.project).to_lowercase())
    }

    /// What the names of helpers' folders begin with.
    pub(super) const HELPER_FOLDER: &'static str = "inside-";

    /// Folder for what is mounted into containers of this session.
    pub(super) fn helper_folder(&self) -> PathBuf {
        let name = format!("{}{}", Self::HELPER_FOLDER, self.session);
        self.state_folder().join(name)
    }

    /// Folder for files that are handed to containers of this session.
    pub(super) fn granted_folder(&self) -> PathBuf {
        self.helper_folder().join("granted")
    }

    /// Folder for what outlives a session: lock, ledger, tape. `$XDG_STATE_HOME/boatyard/NAME-HASH`.
    pub fn state_folder(&self) -> PathBuf {
        let base = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
        let base = base.unwrap_or_else(|| home().join(".local/state"));
        base.join("boatyard")
            .join(format!("{}-{}", self.stack, self.hash))
    }
}
