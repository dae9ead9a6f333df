//! `boatyard doctor`: what is on this machine, and what to do about what is missing.

use std::fs;
use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::Path;

use super::opening::identity;
use super::{Failure, inspect, runtime, use_color};
use crate::adapters::build::{Builder, probe_builder};
use crate::adapters::container::{ContainerEngine, Surroundings, find, helper_obstacle};
use crate::cli::Global;
use crate::config;
use crate::proxy::owner_of;
use crate::report;
use crate::stack::Stack;

/// Fewer inotify watches than this are soon used up by an editor, a browser and a few source trees.
const ENOUGH_WATCHES: u64 = 65_536;

/// How a finding is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Weak,
    Bad,
}

/// One thing that was looked at.
struct Finding {
    mood: Mood,
    what: &'static str,
    found: String,
    remedy: Option<String>,
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            mood: Mood::Good,
            what,
            found: found.into(),
            remedy: None,
        }
    }

    fn weak(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            mood: Mood::Weak,
            what,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn bad(what: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            mood: Mood::Bad,
            what,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// Looks at everything and prints it; something that must be mended makes the exit code 3.
pub(super) fn doctor(global: &Global) -> Result<u8, Failure> {
    let loaded = config::load(&inspect::options(global));
    let stack = loaded.stack.as_ref();
    let needs_engine = stack.is_some_and(|stack| {
        stack
            .services
            .values()
            .any(|service| service.has_image() && service.run.is_none())
    });
    let mut findings = engine(needs_engine)?;
    findings.push(inotify());
    findings.push(terminal());
    findings.push(otlp());
    if let Some(stack) = stack {
        findings.push(state_folder(stack));
        findings.extend(ports(stack));
    }
    findings.push(stack_file(&loaded));
    let color = use_color(global);
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| line(finding, color))
        .collect();
    report::print(&lines.concat());
    let bad = findings.iter().any(|finding| finding.mood == Mood::Bad);
    Ok(if bad { Failure::MISSING } else { 0 })
}

fn line(finding: &Finding, color: bool) -> String {
    let (sign, code) = match finding.mood {
        Mood::Good => ("✓", "32"),
        Mood::Weak => ("!", "33"),
        Mood::Bad => ("✗", "31"),
    };
    let sign = if color {
        format!("\x1b[{code}m{sign}\x1b[0m")
    } else {
        sign.to_owned()
    };
    let mut text = format!(
        "{sign} {:<14} {}\n",
        finding.what,
        finding.found.replace('\n', "\n                 ")
    );
    if let Some(remedy) = &finding.remedy {
        text.push_str("                 → ");
        text.push_str(remedy);
        text.push('\n');
    }
    text
}

fn engine(needed: bool) -> Result<Vec<Finding>, Failure> {
    let found = runtime()?.block_on(async {
        let engine = find(&Surroundings::of_this_process()).await?;
        let builder = probe_builder(engine.endpoint()).await;
        Ok((engine, builder))
    });
    let none: crate::adapters::container::NoEngine = match found {
        Ok((engine, builder)) => {
            let facts = &engine.facts;
            let (major, minor) = facts.api;
            let api = format!(
                "{} {} (API {major}.{minor}) at {}",
                facts.name,
                facts.version,
                engine.endpoint()
            );
            let builds = match builder {
                Builder::BuildKit => Finding::good("builds", "BuildKit, with file sync"),
                other @ Builder::Classic { .. } => Finding::weak(
                    "builds",
                    other.to_string(),
                    "builds work, but send the whole context each time",
                ),
            };
            return Ok(vec![Finding::good("engine", api), builds, helper(&engine)]);
        }
        Err(none) => none,
    };
    let looked = format!("none answers; looked at:\n{}", none.looked.join("\n"));
    let finding = if needed {
        Finding::bad(
            "engine",
            looked,
            "this stack has services that only run in containers: start Docker or Podman",
        )
    } else {
        Finding::weak(
            "engine",
            looked,
            "services with `run` run as plain processes; for containers start Docker or Podman",
        )
    };
    Ok(vec![finding])
}

/// The program of ours that goes into containers of services that sync or are rebuilt.
fn helper(engine: &ContainerEngine) -> Finding {
    let program = std::env::current_exe().unwrap_or_default();
    match helper_obstacle(engine, &program) {
        None => Finding::good(
            "helper inside",
            "syncs, restarts and kept names go through it (`helper = false` turns it off)",
        ),
        Some(why) => Finding::weak(
            "helper inside",
            format!("cannot be used: {why}"),
            "syncs and restarts go through the engine, which takes longer",
        ),
    }
}

fn inotify() -> Finding {
    let path = "/proc/sys/fs/inotify/max_user_watches";
    let watches = fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    match watches {
        Some(count) if count >= ENOUGH_WATCHES => {
            Finding::good("file watching", format!("inotify, {count} watches"))
        }
        Some(count) => Finding::weak(
            "file watching",
            format!("inotify, only {count} watches"),
            format!(
                "sudo sysctl fs.inotify.max_user_watches={}",
                ENOUGH_WATCHES * 8
            ),
        ),
        None => Finding::weak(
            "file watching",
            format!("{path} cannot be read"),
            "sources will be polled",
        ),
    }
}

fn terminal() -> Finding {
    let term = std::env::var("TERM").unwrap_or_default();
    if !std::io::stdout().is_terminal() {
        return Finding::weak(
            "terminal",
            "standard output is not one",
            "`boatyard up` will behave as `boatyard watch`",
        );
    }
    let depth = match std::env::var("COLORTERM").unwrap_or_default().as_str() {
        "truecolor" | "24bit" => "24-bit colour",
        _ if term.contains("256color") => "256 colours",
        _ if term == "dumb" => {
            return Finding::weak(
                "terminal",
                "TERM=dumb",
                "use a terminal that can move its cursor",
            );
        }
        _ => "16 colours",
    };
    Finding::good("terminal", format!("{term}, {depth}"))
}

fn state_folder(stack: &Stack) -> Finding {
    let folder = identity(stack).state_folder();
    match fs::create_dir_all(&folder) {
        Ok(()) => Finding::good("state folder", folder.display().to_string()),
        Err(error) => Finding::bad(
            "state folder",
            format!("{}: {error}", folder.display()),
            "set XDG_STATE_HOME to a folder that you may write to",
        ),
    }
}

fn ports(stack: &Stack) -> Vec<Finding> {
    let wanted = super::addresses::front_doors(stack).into_iter();
    let findings = wanted.filter(|door| door.address.port() != 0).map(|door| {
        let (service, address) = (&door.edge.callee, door.address);
        let bind = |address| TcpListener::bind(address).map(|_| address);
        let free = door.addresses().find_map(|address| bind(address).ok());
        match free.map_or_else(|| bind(address), Ok) {
            Ok(free) => Finding::good("front door", format!("{free} for {service} is free")),
            Err(error) => {
                let who = owner_of(address)
                    .map_or_else(|| error.to_string(), |who| format!("taken by {who}"));
                let remedy = "end that program, choose another port, or use `--ports auto`";
                Finding::weak(
                    "front door",
                    format!("{address} for {service}: {who}"),
                    remedy,
                )
            }
        }
    });
    findings.collect()
}

fn otlp() -> Finding {
    let taken = super::otlp::taken_ports();
    if taken.is_empty() {
        return Finding::good(
            "OpenTelemetry",
            "ports 4317 (gRPC) and 4318 (HTTP) are free",
        );
    }
    let words: Vec<String> = taken.into_iter().map(|(_, words)| words).collect();
    let remedy = "the next free ports are used instead, and services are told; programs outside the stack are not";
    Finding::weak("OpenTelemetry", words.join(", "), remedy)
}

fn stack_file(loaded: &config::Loaded) -> Finding {
    let shown = Path::new(&loaded.file).display();
    match (&loaded.stack, loaded.errors()) {
        (Some(stack), _) => Finding::good(
            "stack file",
            format!("{shown}: {} services", stack.services.len()),
        ),
        (None, 1) if !loaded.file.exists() => Finding::weak(
            "stack file",
            "none here or in a parent folder",
            "`boatyard init` writes a first one",
        ),
        (None, count) => Finding::bad(
            "stack file",
            format!("{shown}: {count} problems"),
            "`boatyard check` names each",
        ),
    }
}
