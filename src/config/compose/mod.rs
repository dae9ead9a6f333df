//! Compose files.

pub(in crate::config) mod beside;
pub(in crate::config) mod entry;
mod forms;
pub(in crate::config) mod into_stack;
mod node;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::problem::Problem;
use node::Node;

pub(in crate::config) struct Project {
    pub(in crate::config) name: String,
    pub(in crate::config) directory: PathBuf,
    pub(in crate::config) files: Vec<PathBuf>,
    pub(in crate::config) also_read: Vec<PathBuf>,
    pub(in crate::config) model: Node,
    pub(in crate::config) problems: Vec<Problem>,
    pub(in crate::config) variables: Vec<Setting>,
}

impl Project {
    pub(in crate::config) fn to_json(&self) -> serde_json::Value {
        self.model.to_json()
    }
    pub(in crate::config) fn to_yaml(&self) -> String {
        String::new()
    }
    pub(in crate::config) fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == super::problem::Severity::Error)
    }
}

pub(in crate::config) struct Given {
    pub(in crate::config) files: Vec<PathBuf>,
    pub(in crate::config) directory: PathBuf,
    pub(in crate::config) project_directory: Option<PathBuf>,
    pub(in crate::config) project_name: Option<String>,
    pub(in crate::config) env_files: Vec<PathBuf>,
    pub(in crate::config) profiles: Vec<String>,
    pub(in crate::config) environment: BTreeMap<String, String>,
}

pub(in crate::config) fn project(_given: &Given) -> Project {
    unimplemented!()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Origin {
    Process,
    Boatyard,
    EnvFile(PathBuf),
    Compose(Option<super::problem::Place>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Setting {
    pub(in crate::config) name: String,
    pub(in crate::config) value: Option<String>,
    pub(in crate::config) origin: Origin,
    pub(in crate::config) service: Option<String>,
}
