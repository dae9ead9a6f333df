//! A stack that compose files alone make.

use std::path::{Path, PathBuf};

use super::super::discover::Options;
use super::super::load::Loaded;
use super::super::problem::Problem;
use super::super::scope::normal;
use super::super::source::shown_from;
use super::into_stack::{idle, into_stack, told};
use super::{Given, Origin, Project, Setting, project};

/// What decides which project these options mean.
fn given(options: &Options) -> Given {
    let start = options.start();
    let folder = options.files.first().map(|file| normal(&start.join(file)));
    let folder = folder.filter(|file| file.is_dir());
    Given {
        files: match folder {
            Some(_) => Vec::new(),
            None => options.files.clone(),
        },
        directory: folder.unwrap_or(start),
        project_directory: options.project_directory.clone(),
        project_name: options.project_name.clone(),
        env_files: options.env_files.clone(),
        profiles: options.profiles.clone(),
        environment: options.environment.clone(),
    }
}

/// The stack of the compose files that these options mean; `None` if there are none.
pub(in crate::config) fn load(options: &Options) -> Option<Loaded> {
    read(options).map(|project| loaded(project, &options.services))
}

fn loaded(project: Project, wanted: &[String]) -> Loaded {
    let also_read: Vec<PathBuf> = project.files.iter().skip(1).cloned().collect();
    let mut loaded = Loaded {
        stack: None,
        file: project.files.first().cloned().unwrap_or_default(),
        also_read,
        rules: Vec::new(),
        problems: project.problems.clone(),
    };
    let read = if project.has_errors() {
        project.also_read
    } else {
        let mut mapped = into_stack(&project);
        let idle = idle(&mapped.stack, wanted);
        let shared = mapped.shared_doors(&idle);
        let problems = std::mem::take(&mut mapped.problems);
        loaded.problems.extend(told(problems, &idle));
        loaded.problems.extend(shared);
        loaded.rules = mapped.rules;
        if mapped.stack.services.is_empty() {
            let message = format!("no service of {} is to run", project.name);
            let mut problem = Problem::error(None, message);
            problem.help("add one with \"image\" or \"build\", or choose a profile with --profile");
            loaded.problems.push(problem);
        }
        let read = mapped.stack.also_read.clone();
        loaded.stack = Some(mapped.stack);
        read
    };
    loaded.also_read.extend(read);
    if loaded.has_errors() {
        loaded.stack = None;
    }
    if let Some(stack) = &mut loaded.stack {
        stack.also_read.clone_from(&loaded.also_read);
    }
    loaded
}

/// The project of the compose files that these options mean; `None` if there are none.
pub(in crate::config) fn read(options: &Options) -> Option<Project> {
    let project = project(&given(options));
    (!project.files.is_empty()).then_some(project)
}

/// What sets a variable, in the order in which it counts: the last line of each kind does.
pub(in crate::config) fn explain(options: &Options, name: &str) -> Vec<String> {
    let project = project(&given(options));
    let here = std::env::current_dir().unwrap_or_default();
    let settings = project.variables.iter();
    settings
        .filter(|setting| setting.name == name)
        .map(|setting| line(setting, &here))
        .collect()
}

fn line(setting: &Setting, here: &Path) -> String {
    let Setting {
        name,
        value,
        origin,
        service,
    } = setting;
    let who = match service {
        Some(service) => format!("service {service} gets"),
        None => "compose files see".to_owned(),
    };
    let what = match value {
        Some(value) => format!("{name}={value}"),
        None => format!("no {name}"),
    };
    let shown = |file: &Path| shown_from(here, file).display().to_string();
    let from = match origin {
        Origin::Process => "the environment".to_owned(),
        Origin::Boatyard => "Boatyard".to_owned(),
        Origin::EnvFile(file) => shown(file),
        Origin::Compose(Some(place)) => format!("{}:{}", place.file.display(), place.line),
        Origin::Compose(None) => "the compose files".to_owned(),
    };
    format!("{who} {what} from {from}")
}
