//! The commands that read and print, and run nothing: `check`, `graph`, `config`, `init`.

use std::fs::OpenOptions;
use std::io::{self, Write};

use super::{Failure, use_color};
use crate::cli::{ConfigFormat, Global, GraphFormat};
use crate::config::{self, Loaded};
use crate::report;
use crate::stack::{ServiceName, Stack};

/// What the command line says about the stack file.
pub(super) fn options(global: &Global) -> config::Options {
    config::Options {
        files: global.files.clone(),
        directory: global.directory.clone(),
        profiles: global.profiles.clone(),
        environment: std::env::vars().collect(),
        env_files: global.env_files.clone(),
        project_name: global.project_name.clone(),
        project_directory: global.project_directory.clone(),
        services: Vec::new(),
    }
}

/// The stack, or every problem of its file on standard error. Warnings are printed either way.
pub(super) fn stack(global: &Global) -> Result<(Stack, Loaded), Failure> {
    stack_of(&options(global))
}

/// The same as these options mean.
pub(super) fn stack_of(options: &config::Options) -> Result<(Stack, Loaded), Failure> {
    let mut loaded = config::load(options);
    match loaded.stack.take() {
        Some(stack) => {
            for problem in &loaded.problems {
                report::complain(&problem.render(report::stderr_has_color()));
            }
            Ok((stack, loaded))
        }
        None => Err(Failure::Wrong(rendered(&loaded))),
    }
}

fn rendered(loaded: &Loaded) -> String {
    let color = report::stderr_has_color();
    let mut text: Vec<String> = loaded
        .problems
        .iter()
        .map(|problem| problem.render(color))
        .collect();
    text.push(summary(loaded));
    text.join("\n")
}

/// Keeps the named services and what they need; a name that the stack does not have is the command line's fault.
pub(super) fn keep_only(stack: &mut Stack, names: &[String]) -> Result<(), Failure> {
    let unknown: Vec<&String> = names
        .iter()
        .filter(|name| !stack.services.contains_key(name.as_str()))
        .collect();
    if let Some(name) = unknown.first() {
        let known: Vec<&str> = stack.services.keys().map(ServiceName::as_str).collect();
        return Err(Failure::Wrong(format!(
            "error: the stack has no service \"{name}\"\nhelp: its services are {}",
            known.join(", ")
        )));
    }
    let names: Vec<ServiceName> = names.iter().map(ServiceName::new).collect();
    stack.keep_only(&names);
    Ok(())
}

/// `boatyard check`
pub(super) fn check(global: &Global, services: &[String]) -> Result<u8, Failure> {
    let mut loaded = config::load(&config::Options {
        services: services.to_vec(),
        ..options(global)
    });
    match &mut loaded.stack {
        Some(stack) => keep_only(stack, services)?,
        None => return Err(Failure::Wrong(rendered(&loaded))),
    }
    for problem in &loaded.problems {
        report::complain(&problem.render(report::stderr_has_color()));
    }
    report::print(&format!("{}\n", summary(&loaded)));
    Ok(0)
}

/// One line about a stack file: what it holds, or how much is wrong with it.
fn summary(loaded: &Loaded) -> String {
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let warnings = loaded.warnings();
    let shown = loaded
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let mut text = match &loaded.stack {
        Some(stack) => {
            format!(
                "{shown}: {}, {}",
                many(stack.services.len(), "service"),
                many(stack.smoke.len(), "smoke check")
            )
        }
        None => format!("{shown}: {}", many(loaded.errors(), "error")),
    };
    if warnings > 0 {
        text.push_str(", ");
        text.push_str(&many(warnings, "warning"));
    } else if loaded.stack.is_some() {
        text.push_str(", no problems");
    }
    text
}

/// `boatyard graph`
pub(super) fn graph(global: &Global, format: GraphFormat) -> Result<u8, Failure> {
    let (stack, _) = stack(global)?;
    let format = match format {
        GraphFormat::Text => config::graph::Format::Text,
        GraphFormat::Mermaid => config::graph::Format::Mermaid,
        GraphFormat::Dot => config::graph::Format::Dot,
        GraphFormat::Json => config::graph::Format::Json,
    };
    report::print(&config::graph::render(&stack, format));
    Ok(0)
}

/// `boatyard config`
pub(super) fn config(
    global: &Global,
    format: Option<ConfigFormat>,
    explain: Option<&str>,
) -> Result<u8, Failure> {
    let options = options(global);
    if let Some(name) = explain {
        return explained(&options, name);
    }
    let model = match format {
        Some(ConfigFormat::Json) => config::ModelFormat::Json,
        _ => config::ModelFormat::Yaml,
    };
    if let Some(model) = config::compose_model(&options, model) {
        return project(model, format);
    }
    let (stack, _) = stack(global)?;
    report::print(&match format {
        None | Some(ConfigFormat::Toml) => config::to_toml(&stack, true),
        Some(ConfigFormat::Json) => config::to_json(&stack, true),
        Some(ConfigFormat::Yaml) => config::to_yaml(&stack, true),
    });
    Ok(0)
}

/// What compose files amount to. Whether it can be run is another question.
fn project(model: config::ComposeText, format: Option<ConfigFormat>) -> Result<u8, Failure> {
    let color = report::stderr_has_color();
    let problems: Vec<String> = model
        .problems
        .iter()
        .map(|problem| problem.render(color))
        .collect();
    let Some(text) = model.text else {
        return Err(Failure::Wrong(problems.join("\n")));
    };
    if format == Some(ConfigFormat::Toml) {
        let help =
            "use --format yaml or json; `boatyard init` writes a boatyard.toml that adds to it";
        return Err(Failure::Wrong(format!(
            "error: what compose files say is not written as TOML\nhelp: {help}"
        )));
    }
    for problem in problems {
        report::complain(&problem);
    }
    report::print(&text);
    Ok(0)
}

/// What sets a variable.
fn explained(options: &config::Options, name: &str) -> Result<u8, Failure> {
    let lines = config::explain(options, name);
    if lines.is_empty() {
        return Err(Failure::Failed(format!("error: nothing sets {name}")));
    }
    report::print(&(lines.join("\n") + "\n"));
    Ok(0)
}

/// Prints a file of keys with every key in it.
pub(super) fn keys() -> u8 {
    report::print(&crate::tui::key_template());
    0
}

/// `boatyard init`
pub(super) fn init(global: &Global, print: bool) -> Result<u8, Failure> {
    let directory = global.directory.clone().unwrap_or_else(|| ".".into());
    let outcome =
        config::init(&directory).map_err(|error| Failure::Failed(format!("error: {error}")))?;
    if print {
        report::print(&outcome.text);
        return Ok(0);
    }
    let named = global.files.first().cloned();
    let path = named.unwrap_or_else(|| directory.join("boatyard.toml"));
    // `create_new`: a file that somebody wrote is never overwritten, also not in a race.
    let written = OpenOptions::new().write(true).create_new(true).open(&path);
    match written.and_then(|mut file| file.write_all(outcome.text.as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Failure::Wrong(format!(
                "error: {} is there already and is left as it is\nhelp: `boatyard init --print` shows what would be written",
                path.display()
            )));
        }
        Err(error) => {
            return Err(Failure::io(
                &format!("cannot write {}", path.display()),
                &error,
            ));
        }
    }
    let mut lines = vec![format!("wrote {}", path.display())];
    lines.extend(outcome.found.iter().map(|line| format!("  found {line}")));
    lines.extend(outcome.notes.iter().map(|line| format!("  note: {line}")));
    lines.push(if use_color(global) {
        "next: \x1b[1mboatyard check\x1b[0m\n".into()
    } else {
        "next: boatyard check\n".into()
    });
    report::print(&lines.join("\n"));
    Ok(0)
}
