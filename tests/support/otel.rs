//! The stock OpenTelemetry packages for Python, in an environment of their own below `target/`.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// With their versions: without, pip searches for minutes for those that fit each other.
const PACKAGES: [&str; 7] = [
    "opentelemetry-sdk==1.30.0",
    "opentelemetry-exporter-otlp==1.30.0",
    "opentelemetry-distro==0.51b0",
    "opentelemetry-instrumentation-flask==0.51b0",
    "opentelemetry-instrumentation-requests==0.51b0",
    "flask",
    "requests",
];

/// The folder of that environment; `None`, with a printed word, where the packages cannot be had.
pub(crate) fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = target.join("otlp-venv");
    let whole = folder.join("whole");
    std::fs::create_dir_all(&target).expect("a folder can be made");
    // Several test programs may want it at the same time; one makes it.
    let lock = File::create(target.join("otlp-venv.lock")).expect("a file can be made");
    lock.lock().expect("a file can be locked");
    if !whole.exists() {
        let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && succeeds(
                Command::new(folder.join("bin/pip"))
                    .args(["install", "--quiet", "--disable-pip-version-check"])
                    .args(PACKAGES),
            );
        if !made {
            println!("skipped: pip cannot install the OpenTelemetry packages for Python");
            return None;
        }
        File::create(&whole).expect("a file can be made");
    }
    Some(folder)
}

fn succeeds(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
