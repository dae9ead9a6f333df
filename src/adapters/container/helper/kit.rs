//! What is mounted into containers: this binary, and the loader and the shared objects without which it cannot run there.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the kit is mounted in a container.
pub(in super::super) const MOUNTED_AT: &str = "/.boatyard";

/// A folder with all that the helper needs.
#[derive(Debug)]
pub(super) struct Kit {
    /// The folder on this machine.
    pub(super) folder: PathBuf,
    /// Whether the binary needs a loader; one that is linked statically does not.
    has_loader: bool,
}

/// A shared object: under which name the binary asks for it, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Object {
    name: String,
    place: PathBuf,
}

impl Kit {
    /// Collects the kit in a folder, which is made. Hard links where they can be made, else copies.
    pub(super) fn prepare(program: &Path, folder: &Path) -> io::Result<Self> {
        let (loader, objects) = needs(program)?;
        fs::create_dir_all(folder.join("lib"))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        place(program, &folder.join("boatyard"))?;
        if let Some(loader) = &loader {
            place(loader, &folder.join("ld.so"))?;
        }
        for object in &objects {
            place(&object.place, &folder.join("lib").join(&object.name))?;
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            has_loader: loader.is_some(),
        })
    }

    /// The words that start the helper in a container, up to its own arguments.
    pub(super) fn words(&self) -> Vec<String> {
        let inside = |name: &str| format!("{MOUNTED_AT}/{name}");
        if self.has_loader {
            vec![
                inside("ld.so"),
                "--library-path".into(),
                inside("lib"),
                inside("boatyard"),
            ]
        } else {
            vec![inside("boatyard")]
        }
    }
}

/// A link to a file, or a copy of it, in another place.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    let from = from.canonicalize()?;
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if fs::hard_link(&from, to).is_ok() {
        return Ok(());
    }
    fs::copy(&from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

/// The loader of a program and the objects it is linked with, as the loader itself finds them.
///
/// glibc's loader lists them instead of starting the program when `LD_TRACE_LOADED_OBJECTS` is set (`ld.so(8)`). A program
/// without a loader takes no notice and prints its version.
pub(in super::super) fn needs(program: &Path) -> io::Result<(Option<PathBuf>, Vec<Object>)> {
    let listed = Command::new(program)
        .arg("--version")
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&listed.stdout);
    Ok(read_list(&text))
}

fn read_list(text: &str) -> (Option<PathBuf>, Vec<Object>) {
    let mut loader = None;
    let mut objects = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        let line = line.split(" (0x").next().unwrap_or(line);
        match line.split_once(" => ") {
            Some((name, place)) if place.starts_with('/') => {
                if name.starts_with('/') {
                    loader = Some(PathBuf::from(place));
                } else {
                    objects.push(Object {
                        name: name.to_owned(),
                        place: place.into(),
                    });
                }
            }
            None if line.starts_with('/') => loader = Some(PathBuf::from(line)),
            _ => {}
        }
    }
    (loader, objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_list_is_read() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibgcc_s.so.1 => /lib/x/libgcc_s.so.1 (0x00007f)\n\
                    \tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let (loader, objects) = read_list(text);
        assert_eq!(loader, Some("/lib64/ld-linux-x86-64.so.2".into()));
        let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        assert_eq!(names, ["libgcc_s.so.1", "libc.so.6"]);
        assert_eq!(read_list("boatyard 0.1.0\n"), (None, Vec::new()));
    }

    #[test]
    fn a_kit_of_this_program_runs_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let kit = Kit::prepare(&program, &folder.path().join("kit")).unwrap();
        let words: Vec<String> = kit
            .words()
            .iter()
            .map(|word| word.replace(MOUNTED_AT, &kit.folder.display().to_string()))
            .collect();
        let listed = Command::new(&words[0])
            .args(&words[1..])
            .arg("--list")
            .env_clear()
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
    }
}
