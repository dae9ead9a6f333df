//! A copy of an example in a folder of its own, with front doors at free ports and a state folder of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "../support/leftovers.rs"]
mod leftovers;

/// A copy of an example that a test may edit and run.
pub(crate) struct Copy {
    folder: TempDir,
    /// Port of its front door.
    pub(crate) port: u16,
}

impl Copy {
    /// Copies `examples/NAME`; its one front door moves from `8080` to a free port, and the stack gets a name of its own.
    pub(crate) fn of(name: &str) -> Self {
        let folder = folder();
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        copy_tree(&from, &folder.path().join("stack"));
        let port = free_port();
        let copy = Self { folder, port };
        let unique = format!("{name}-{}-{port}", std::process::id());
        copy.edit("boatyard.toml", |text| {
            text.replace("8080:", &format!("{port}:")).replace(
                &format!("name = \"{name}\""),
                &format!("name = \"{unique}\""),
            )
        });
        copy
    }

    /// A stack of its own: this stack file and files beside it; in those of TOML and YAML, `PORT` stands for a free port and
    /// `NAME` for a name of its own.
    pub(crate) fn with(stack: &str, files: &[(&str, &str)]) -> Self {
        Self::written("boatyard.toml", stack, files)
    }

    /// The same with a stack file of this name.
    pub(crate) fn written(name: &str, stack: &str, files: &[(&str, &str)]) -> Self {
        let folder = folder();
        let port = free_port();
        let copy = Self { folder, port };
        let own = format!("luck-{}-{port}", std::process::id());
        let fill = |file: &str, text: &str| match file.rsplit_once('.') {
            Some((_, "toml" | "yaml")) => text
                .replace("PORT", &port.to_string())
                .replace("NAME", &own),
            _ => text.to_owned(),
        };
        for (file, text) in files.iter().chain(&[(name, stack)]) {
            let path = copy.directory().join(file);
            fs::create_dir_all(path.parent().expect("it is in the folder"))
                .and_then(|()| fs::write(&path, fill(file, text)))
                .expect("a file can be written");
        }
        copy
    }

    /// The folder of the stack file.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("stack")
    }

    /// Rewrites one of its files in place.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.directory().join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::write(&path, change(text))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The binary, told to act on this copy, with an environment of its own.
    pub(crate) fn boatyard(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boatyard"));
        command.args(arguments).arg("-C").arg(self.directory());
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.env_remove("NO_COLOR");
        command
    }

    /// What the binary's environment must have.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let state = self.folder.path().join("state").display().to_string();
        let config = self.folder.path().join("config").display().to_string();
        vec![
            ("XDG_STATE_HOME".into(), state),
            // Nor do themes and keys of whoever runs the tests belong here.
            ("XDG_CONFIG_HOME".into(), config),
            ("PYTHON_IMAGE".into(), "boatyard-test/python".into()),
            ("UBUNTU_IMAGE".into(), "boatyard-test/python".into()),
        ]
    }

    /// Asks the front door; `None` when nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        request(self.port, "GET", path, "")
    }

    /// Asks the front door until the answer is the wished one.
    pub(crate) fn get_until(
        &self,
        path: &str,
        wished: impl Fn(u16, &str) -> bool,
    ) -> (u16, String) {
        let mut last = None;
        wait_until(&format!("the wished answer at {path}"), || {
            last = self.get(path);
            last.clone().filter(|(status, body)| wished(*status, body))
        })
    }
}

impl Drop for Copy {
    /// A test that failed may have killed its session, which then took nothing down.
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.boatyard(&["down", "--volumes"]).output());
        }
    }
}

/// A folder for a copy; the first one is only made when what killed tests left is gone.
fn folder() -> TempDir {
    leftovers::remove_once();
    tempfile::Builder::new()
        .prefix("boatyard-test-")
        .tempdir()
        .expect("a temporary folder")
}

/// One HTTP request to this machine; `None` when nobody answers.
pub(crate) fn request(port: u16, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    try_request(port, method, path, body).ok()
}

/// One HTTP request to this machine, or what went wrong with it.
pub(crate) fn try_request(
    port: u16,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), String> {
    let wrong = |what: &'static str| move |error: std::io::Error| format!("{what}: {error}");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))
        .map_err(wrong("cannot connect"))?;
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .map_err(wrong("no timeout"))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .map_err(wrong("cannot ask"))?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .map_err(wrong("no whole answer"))?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok());
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("not an answer: {answer:?}"))?;
    let status = status.ok_or_else(|| format!("not an answer: {head:?}"))?;
    Ok((status, body.to_owned()))
}

/// Asks again and again, without resting long, until there is an answer; fails after a generous time.
pub(crate) fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A port of this machine that is free at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from)
        .expect("the example can be read")
        .flatten()
    {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == ".data" || entry.file_name() == "__pycache__" {
            continue;
        }
        if source.is_dir() {
            copy_tree(&source, &target);
        } else {
            fs::copy(&source, &target).expect("a file can be copied");
        }
    }
}
