//! The clipboard of this machine, for terminals that take no text for theirs (OSC 52).

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How long a program may take: one whose display is gone would wait for ever.
const PATIENCE: Duration = Duration::from_secs(3);

/// The programs that are known, for which display, and how each is called.
const TOOLS: &[(&str, Display, &[&str])] = &[
    ("wl-copy", Display::Wayland, &[]),
    ("xclip", Display::X11, &["-selection", "clipboard", "-in"]),
    ("xsel", Display::X11, &["--clipboard", "--input"]),
    ("pbcopy", Display::Mac, &[]),
];

/// Whose clipboard it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Display {
    Wayland,
    X11,
    Mac,
}

/// A program that takes text for the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    name: &'static str,
    program: PathBuf,
    arguments: &'static [&'static str],
}

/// The first program that is there and whose display is set.
pub(super) fn tool(variable: impl Fn(&str) -> Option<OsString>) -> Option<Tool> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let path = variable("PATH")?;
    TOOLS.iter().find_map(|(name, display, arguments)| {
        let has_display = match display {
            Display::Wayland => is_set("WAYLAND_DISPLAY"),
            Display::X11 => is_set("DISPLAY"),
            // Who came from elsewhere wants it there, not here.
            Display::Mac => cfg!(target_os = "macos") && !is_set("SSH_CONNECTION"),
        };
        let program = has_display.then(|| find(&path, name)).flatten()?;
        Some(Tool {
            name,
            program,
            arguments,
        })
    })
}

fn find(path: &OsStr, name: &str) -> Option<PathBuf> {
    let mut places = std::env::split_paths(path).map(|folder| folder.join(name));
    places.find(|place| rustix::fs::access(place, rustix::fs::Access::EXEC_OK).is_ok())
}

/// What is said where there is no such program, so that all depends on the terminal.
pub(super) fn without(said: &str, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    if is("TERM", "linux") || is("TERM_PROGRAM", "Apple_Terminal") {
        return "not copied: this terminal has no clipboard, and none of wl-copy, xclip, xsel and pbcopy did it"
            .to_owned();
    }
    format!("{said}  (by the terminal, OSC 52)")
}

/// Gives text to a program; what was copied and how, in words. `without`: what is so without it.
pub(super) async fn give(tool: &Tool, text: &str, said: &str, without: &str) -> String {
    let name = tool.name;
    match tokio::time::timeout(PATIENCE, run(tool, text)).await {
        Ok(Ok(())) => format!("{said}  (by {name}, and by the terminal)"),
        Ok(Err(why)) => format!("{without}; {name}: {why}"),
        Err(_) => format!("{without}; {name} did not end"),
    }
}

async fn run(tool: &Tool, text: &str) -> Result<(), String> {
    let mut command = Command::new(&tool.program);
    command
        .args(tool.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        // It goes on holding the text when this terminal is gone.
        .process_group(0);
    let mut program = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = program.stdin.take() {
        let written = stdin.write_all(text.as_bytes()).await;
        // One that ended early says why by its status.
        written
            .or_else(|error| match error.kind() {
                ErrorKind::BrokenPipe => Ok(()),
                _ => Err(error),
            })
            .map_err(|error| error.to_string())?;
    }
    let status = program.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn program(folder: &Path, name: &str, script: &str) {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn found(folder: &Path, set: &[&str]) -> Option<Tool> {
        tool(|name| match name {
            "PATH" => Some(folder.into()),
            name if set.contains(&name) => Some("x".into()),
            _ => None,
        })
    }

    #[test]
    fn the_first_program_is_taken_whose_display_is_set() {
        let folder = tempfile::tempdir().unwrap();
        program(folder.path(), "wl-copy", "");
        program(folder.path(), "xsel", "");
        fs::write(folder.path().join("xclip"), "no program").unwrap();
        let name = |set: &[&str]| found(folder.path(), set).map(|tool| tool.name);
        assert_eq!(name(&["WAYLAND_DISPLAY", "DISPLAY"]), Some("wl-copy"));
        assert_eq!(name(&["DISPLAY"]), Some("xsel"));
        assert_eq!(name(&[]), None);
        let words =
            |term: &'static str| without("copied: a", |name| (name == "TERM").then(|| term.into()));
        assert_eq!(
            words("xterm-256color"),
            "copied: a  (by the terminal, OSC 52)"
        );
        assert!(words("linux").starts_with("not copied"));
    }

    #[tokio::test]
    async fn text_reaches_the_program_and_what_goes_wrong_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let copied = folder.path().join("copied");
        program(
            folder.path(),
            "wl-copy",
            &format!("exec /bin/cat > {}", copied.display()),
        );
        program(folder.path(), "xclip", "exit 3");
        program(folder.path(), "xsel", "exit 4");
        let tool = found(folder.path(), &["WAYLAND_DISPLAY"]).unwrap();
        let text = "日本\n".repeat(50_000);
        let words = give(&tool, &text, "copied 2 lines", "not copied").await;
        assert_eq!(words, "copied 2 lines  (by wl-copy, and by the terminal)");
        assert_eq!(fs::read_to_string(copied).unwrap(), text);
        let tool = found(folder.path(), &["DISPLAY"]).unwrap();
        let words = give(&tool, &text, "copied: a", "not copied").await;
        assert_eq!(words, "not copied; xclip: exit status: 3");
    }
}
