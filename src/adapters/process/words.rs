//! Why a program could not be started, in words with a remedy.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Checks the folder and the command before anything is started; the words if either cannot do.
pub(super) fn check(argv: &[String], directory: &Path, path: &str) -> Result<(), String> {
    if !directory.is_dir() {
        let what = if directory.exists() {
            "is not a folder"
        } else {
            "does not exist"
        };
        return Err(format!(
            "its folder {} {what}; make it, or correct the service's folder in the stack file",
            directory.display()
        ));
    }
    match argv.first().map(String::as_str) {
        None | Some("") => Err("its command is empty; give `run` a command".into()),
        Some(word) if find(word, directory, path).is_none() => {
            Err(not_found(word, directory, path))
        }
        Some(_) => Ok(()),
    }
}

/// The words for a system error that executing the command brought.
pub(super) fn exec_failed(errno: i32, argv: &[String], directory: &Path, path: &str) -> String {
    let word = argv.first().map_or("", String::as_str);
    let Some(file) = find(word, directory, path) else {
        return not_found(word, directory, path);
    };
    let shown = file.display();
    match Errno::from_raw_os_error(errno) {
        Errno::NOENT => match interpreter(&file) {
            Some(interpreter) => {
                format!(
                    "`{shown}` begins with `#!{interpreter}`, which does not exist; correct its first line"
                )
            }
            None => format!("`{shown}` needs a loader or library that does not exist here"),
        },
        Errno::ACCESS if file.is_dir() => format!("`{shown}` is a folder, not a program"),
        Errno::ACCESS | Errno::PERM => {
            format!("`{shown}` is not executable; try `chmod +x {shown}`")
        }
        Errno::NOEXEC => format!(
            "`{shown}` is no program that this machine can execute; a script needs a first line such as `#!/bin/sh`"
        ),
        Errno::TOOBIG => format!("the arguments and environment of `{word}` are too long"),
        Errno::TXTBSY => format!("`{shown}` is just being written; try again"),
        errno => format!("`{shown}` cannot be executed: {}", io::Error::from(errno)),
    }
}

/// The file that a command word means, whether or not it can be executed. A file that can be is preferred, as `execvp` does.
fn find(word: &str, directory: &Path, path: &str) -> Option<PathBuf> {
    if word.contains('/') {
        let file = directory.join(word);
        return file.exists().then_some(file);
    }
    let files: Vec<PathBuf> = path
        .split(':')
        .map(|folder| directory.join(folder).join(word))
        .filter(|file| file.is_file())
        .collect();
    let executable = files.iter().find(|file| is_executable(file));
    executable.or(files.first()).cloned()
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

fn not_found(word: &str, directory: &Path, path: &str) -> String {
    if word.contains('/') {
        let file = directory.join(word);
        return format!(
            "`{word}` was not found: {} does not exist (it is looked for from the service's folder)",
            file.display()
        );
    }
    if directory.join(word).is_file() {
        return format!(
            "`{word}` was not found in PATH; for the file in the service's folder write `./{word}`"
        );
    }
    let folders = path.replace(':', ", ");
    format!("`{word}` was not found; install it or correct `run`. PATH is: {folders}")
}

/// The interpreter that a script's first line names.
fn interpreter(file: &Path) -> Option<String> {
    let mut head = [0; 256];
    let length = File::open(file).ok()?.read(&mut head).ok()?;
    let line = head[..length].split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"#!")?);
    // A carriage return at the end of the line is part of the name, and the usual cause.
    Some(line.trim_matches(' ').replace('\r', "\\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(argv: &[&str]) -> Vec<String> {
        argv.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_cannot_be_found_is_said_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = "/bin:/usr/bin";
        fs::write(folder.path().join("app"), "").unwrap();
        let said = |argv: &[&str], directory: &Path| check(&words(argv), directory, path);
        assert_eq!(said(&["sh"], folder.path()), Ok(()));
        assert_eq!(said(&["./app"], folder.path()), Ok(()));
        let cases = [
            (
                said(&["pythn3"], folder.path()),
                "`pythn3` was not found; install it or correct `run`. PATH is: /bin, /usr/bin",
            ),
            (said(&["app"], folder.path()), "write `./app`"),
            (said(&["./none"], folder.path()), "`./none` was not found"),
            (said(&[""], folder.path()), "empty"),
            (
                said(&["sh"], Path::new("/none/here")),
                "/none/here does not exist",
            ),
            (said(&["sh"], &folder.path().join("app")), "is not a folder"),
        ];
        for (said, expected) in cases {
            let said = said.unwrap_err();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn system_errors_become_remedies() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("run.sh");
        fs::write(&script, "#!/bin/nosuch\r\necho").unwrap();
        let said = |errno: Errno| {
            exec_failed(
                errno.raw_os_error(),
                &words(&["./run.sh"]),
                folder.path(),
                "/bin",
            )
        };
        assert!(said(Errno::NOENT).contains("`#!/bin/nosuch\\r`, which does not exist"));
        assert!(said(Errno::ACCESS).contains("chmod +x"));
        assert!(said(Errno::NOEXEC).contains("#!/bin/sh"));
        assert!(said(Errno::NOMEM).contains("cannot be executed"));
    }
}
