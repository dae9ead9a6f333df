//! A small static site behind busybox's web server: a program that starts at once, so that what is measured is the loop.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use boatyard::stack::{Build, Service};

use super::session::Session;
use super::shop::Copy;

/// The port inside.
pub(super) const PORT: u16 = 8000;

/// Serves the files as they are now.
pub(super) const PLAIN: &str = "exec httpd -f -p 8000 -h /www";

/// Serves the page as it was when the program began, so that only a restart makes a new one live.
pub(super) const AT_START: &str =
    "mkdir -p /srv && cp /www/page /srv/page && exec httpd -f -p 8000 -h /srv";

/// The image: busybox, all files in `/www`, and this line for the shell.
pub(super) fn dockerfile(line: &str) -> String {
    format!(
        "FROM boatyard-test/busybox\nCOPY . /www\nEXPOSE {PORT}\nCMD [\"sh\", \"-c\", \"{line}\"]\n"
    )
}

/// Writes the site into a folder.
pub(super) fn write(folder: &Path, line: &str) {
    fs::create_dir_all(folder).expect("a folder can be made");
    fs::write(folder.join("Dockerfile"), dockerfile(line)).expect("it can be written");
    write_page(folder, "first");
}

/// The edit that is measured.
pub(super) fn write_page(folder: &Path, text: &str) {
    fs::write(folder.join("page"), text).expect("it can be written");
}

/// 5,000 files of 10 KB in 100 folders.
pub(super) fn write_many(folder: &Path) {
    for number in 0..5000_u32 {
        let folder = folder.join(format!("data/{:02}", number % 100));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let line = format!("{number} ").repeat(10_240 / (number.to_string().len() + 1));
        fs::write(folder.join(format!("{number}.txt")), line).expect("it can be written");
    }
}

/// How the site is built.
pub(super) fn build(context: &Path) -> Build {
    Build {
        inline: None,
        context: context.to_path_buf(),
        dockerfile: context.join("Dockerfile"),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    }
}

/// The site as a service.
pub(super) fn service(context: &Path) -> Service {
    let mut service = Service::named("web");
    service.build = Some(build(context));
    service
}

/// A stack of its own with the site as its one service; `more` are further keys of the service.
pub(super) fn stack(line: &str, more: &str) -> Copy {
    let stack = format!(
        "name = \"NAME\"\n[services.web]\nbuild = \"web\"\nports = [\"PORT:{PORT}\"]\nhealth = {{ http = \"/page\" }}\n{more}\n"
    );
    Copy::with(
        &stack,
        &[("web/Dockerfile", &dockerfile(line)), ("web/page", "first")],
    )
}

/// Asks for the page until it is this one; when that was.
pub(super) fn served(host: IpAddr, port: u16, text: &str) -> Instant {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if super::http::get(host, port, "/page").is_some_and(|page| page == text) {
            return Instant::now();
        }
        assert!(Instant::now() < deadline, "waited in vain for {text:?}");
        std::thread::park_timeout(Duration::from_micros(500));
    }
}

/// A session of the site as a container, ready. What it made goes when it ends.
pub(super) struct Live {
    pub(super) copy: Copy,
    pub(super) session: Session,
}

impl Live {
    /// Starts `boatyard watch` and waits until the site is ready.
    pub(super) fn start(copy: Copy, runtime: &str) -> Self {
        let mut session = Session::start(&copy, &["--runtime", runtime]);
        session.notice("run-ready", "web");
        Self { copy, session }
    }

    /// The folder of the site.
    pub(super) fn folder(&self) -> PathBuf {
        self.copy.directory().join("web")
    }

    /// Saves the page; how long until it is served.
    pub(super) fn save_until_served(&mut self, text: &str) -> Duration {
        let began = Instant::now();
        write_page(&self.folder(), text);
        let took = served([127, 0, 0, 1].into(), self.copy.port, text) - began;
        self.session.notice("change-live", "web");
        took
    }

    /// How long the last build took.
    pub(super) fn last_build(&self) -> Duration {
        let mut said = self.session.said.iter().rev();
        let last = said.find(|value| value["notice"] == "build-finished");
        let took = last.and_then(|value| value["ms"].as_u64());
        Duration::from_millis(took.expect("something was built"))
    }

    /// How many notices of a kind there were.
    pub(super) fn count(&self, notice: &str) -> usize {
        let said = self.session.said.iter();
        said.filter(|value| value["notice"] == notice).count()
    }

    /// Ends the session and removes its images.
    pub(super) fn end(self) {
        self.session.quit();
        let directory = self.copy.directory().canonicalize();
        drop(self.copy.boatyard(&["down", "--volumes"]).output());
        let Ok(directory) = directory else { return };
        let filter = format!("label=boatyard.directory={}", directory.display());
        let listed = Command::new("docker")
            .args(["image", "ls", "-aq", "--filter", &filter])
            .output();
        let Ok(listed) = listed else { return };
        let ids = String::from_utf8_lossy(&listed.stdout).into_owned();
        if !ids.trim().is_empty() {
            let mut remove = Command::new("docker");
            remove.args(["image", "rm", "-f"]);
            drop(remove.args(ids.split_whitespace()).output());
        }
    }
}
