//! The main job with the real engine: the real binary, headless, runs the shop in containers.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::session::Session;
use super::shop::{Copy, request, try_request, wait_until};
use serde_json::Value;

const SERVICES: [&str; 4] = ["web", "orders", "payments", "catalog"];
const ENGINE: &[&str] = &["--runtime", "engine"];

/// Whether these tests can run; says so where they cannot, and fails where they must.
pub(crate) fn engine() -> bool {
    let images = [
        "image",
        "inspect",
        "boatyard-test/python",
        "boatyard-test/busybox",
    ];
    let there = docker(&images).status.success();
    let must = std::env::var_os("BOATYARD_REQUIRE_ENGINE").is_some_and(|value| value == "1");
    assert!(
        there || !must,
        "no container engine with the base images of tests/base-images"
    );
    if !there {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: no container engine with the base images of tests/base-images");
        }
    }
    there
}

pub(crate) fn docker(arguments: &[&str]) -> Output {
    Command::new("docker")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|_| Output {
            status: std::os::unix::process::ExitStatusExt::from_raw(127 << 8),
            stdout: Vec::new(),
            stderr: Vec::new(),
        })
}

/// Names of all containers and networks that carry the label of this copy's folder.
pub(crate) fn left(copy: &Copy) -> Vec<String> {
    let directory = copy
        .directory()
        .canonicalize()
        .expect("the folder is there");
    let filter = format!("label=boatyard.directory={}", directory.display());
    let mut names = Vec::new();
    for list in [
        [
            "container",
            "ls",
            "-a",
            "--format",
            "{{.Names}}",
            "--filter",
            &filter,
        ],
        [
            "network",
            "ls",
            "--no-trunc",
            "--format",
            "{{.Name}}",
            "--filter",
            &filter,
        ],
    ] {
        names.extend(
            String::from_utf8_lossy(&docker(&list).stdout)
                .lines()
                .map(str::to_owned),
        );
    }
    names
}

/// Removes volumes and images of a copy when a test ends, however it ends.
pub(crate) struct Cleaned(pub(crate) Copy);

impl Drop for Cleaned {
    fn drop(&mut self) {
        drop(self.0.boatyard(&["down", "--volumes"]).output());
        let Ok(directory) = self.0.directory().canonicalize() else {
            return;
        };
        let filter = format!("label=boatyard.directory={}", directory.display());
        let images = docker(&["image", "ls", "-aq", "--filter", &filter]);
        let images = String::from_utf8_lossy(&images.stdout).into_owned();
        let mut remove = vec!["image", "rm", "-f"];
        remove.extend(images.split_whitespace());
        if remove.len() > 3 {
            docker(&remove);
        }
    }
}

fn shop() -> Cleaned {
    Cleaned(Copy::of("shop"))
}

fn ready(copy: &Copy) -> Session {
    let mut session = Session::start(copy, ENGINE);
    session.all("run-ready", &SERVICES);
    session
}

#[test]
fn the_shop_is_built_comes_up_and_is_taken_down() {
    if !engine() {
        return;
    }
    let copy = shop();
    let session = ready(&copy.0);
    let built: Vec<&Value> = session
        .said
        .iter()
        .filter(|value| value["notice"] == "build-finished")
        .collect();
    assert!(built.len() >= 5, "{built:?}");
    let (status, order) = request(
        copy.0.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 2}"#,
    )
    .expect("an answer");
    assert_eq!((status, order.contains("\"paid\"")), (201, true), "{order}");
    assert!(left(&copy.0).len() >= 5);
    let (code, last) = session.quit();
    assert_eq!(
        (code, last["left_behind"].clone()),
        (Some(130), Value::Array(Vec::new()))
    );
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

#[test]
fn a_saved_file_is_built_and_served() {
    if !engine() {
        return;
    }
    let copy = shop();
    let mut session = ready(&copy.0);
    copy.0.edit("web/app.py", |text| {
        text.replace("Welcome to the tea shop", "First edit")
    });
    copy.0.get_until("/", |_, page| page.contains("First edit"));
    let live = session.notice("change-live", "web");
    assert!(live["ms"].as_u64().is_some_and(|ms| ms > 0));
    session.quit();
}

#[test]
fn a_broken_build_leaves_the_old_run_serving_and_says_why() {
    if !engine() {
        return;
    }
    let copy = shop();
    let mut session = ready(&copy.0);
    copy.0.edit("web/Dockerfile", |text| {
        format!("{text}RUN echo the reason; exit 7\n")
    });
    let failed = session.notice("build-failed", "web");
    assert!(failed["step"].to_string().contains("exit 7"), "{failed}");
    assert!(
        failed["last_lines"].to_string().contains("the reason"),
        "{failed}"
    );
    assert_eq!(copy.0.get("/").expect("the old run serves").0, 200);
    copy.0.edit("web/Dockerfile", |text| {
        text.replace("RUN echo the reason; exit 7\n", "RUN echo mended\n")
    });
    session.notice("change-live", "web");
    session.quit();
}

#[test]
fn a_build_that_newer_edits_overtook_is_cancelled() {
    if !engine() {
        return;
    }
    let copy = shop();
    let mut session = ready(&copy.0);
    copy.0
        .edit("web/Dockerfile", |text| format!("{text}RUN sleep 30\n"));
    session.notice("build-started", "web");
    copy.0.edit("web/Dockerfile", |text| {
        text.replace("RUN sleep 30\n", "RUN echo quick\n")
    });
    session.notice("build-cancelled", "web");
    session.notice("change-live", "web");
    session.quit();
}

#[test]
fn no_request_fails_at_a_steady_rate_during_ten_rebuilds() {
    if !engine() {
        return;
    }
    let copy = shop();
    let mut session = ready(&copy.0);
    let (port, over) = (copy.0.port, Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&over);
    let asker = std::thread::spawn(move || {
        let (mut asked, mut failed) = (0_u32, Vec::new());
        let began = Instant::now();
        // Fifty a second, each from a thread of its own, so that a held request does not slow the next one down.
        let mut under_way = Vec::new();
        while !until.load(Ordering::Relaxed) {
            under_way.push(std::thread::spawn(move || {
                try_request(port, "GET", "/", "")
            }));
            asked += 1;
            std::thread::park_timeout(
                (began + Duration::from_millis(20) * asked)
                    .saturating_duration_since(Instant::now()),
            );
        }
        for answer in under_way {
            match answer.join() {
                Ok(Ok((200, _))) => {}
                other => failed.push(format!("{other:?}")),
            }
        }
        (asked, failed)
    });
    for number in 1..=10 {
        copy.0.edit("web/app.py", |text| {
            let (head, rest) = text
                .split_once("GREETING = ")
                .expect("the greeting is there");
            let rest = rest.split_once('\n').expect("it is one line").1;
            format!("{head}GREETING = \"Rebuild {number}\"\n{rest}")
        });
        copy.0
            .get_until("/", |_, page| page.contains(&format!("Rebuild {number}<")));
        session.notice("change-live", "web");
    }
    over.store(true, Ordering::Relaxed);
    let (total, failed) = asker.join().expect("the asker ends");
    assert!(total > 50, "{total}");
    assert!(
        failed.is_empty(),
        "{} of {total} failed: {:?}",
        failed.len(),
        &failed[..failed.len().min(5)]
    );
    session.quit();
}

#[test]
fn hello_flask_syncs_a_saved_file_into_the_running_container() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::of("hello-flask"));
    // The base image of the tests has Flask already, so that no package archive need be within reach.
    copy.0.edit("Dockerfile", |text| {
        let (head, rest) = text.split_once("RUN apt-get").expect("it installs Flask");
        let rest = rest.split_once("WORKDIR").expect("a folder follows").1;
        format!("{head}WORKDIR{rest}")
    });
    let mut session = Session::start(&copy.0, ENGINE);
    session.notice("run-ready", "hello");
    copy.0
        .get_until("/?name=Ada", |_, body| body.contains("Hello, Ada!"));
    copy.0
        .edit("app.py", |text| text.replace("Hello,", "Ahoy,"));
    copy.0
        .get_until("/?name=Ada", |_, body| body.contains("Ahoy, Ada!"));
    session.notice("synced", "hello");
    session.notice("change-live", "hello");
    assert_eq!(
        session
            .said
            .iter()
            .filter(|value| value["notice"] == "build-started")
            .count(),
        1
    );
    session.quit();
}

#[test]
fn smoke_passes_in_containers() {
    if !engine() {
        return;
    }
    let copy = shop();
    let output = copy
        .0
        .boatyard(&["smoke", "--junit", "report.xml"])
        .args(ENGINE)
        .current_dir(copy.0.directory())
        .output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let shortened = [said.as_ref(), &String::from_utf8_lossy(&output.stderr)].concat();
    assert!(!shortened.contains("looked at only"), "{shortened}");
    assert_eq!(left(&copy.0), Vec::<String>::new());
}

fn edit_web(copy: &Copy, moment: u64) {
    copy.edit("web/app.py", |text| format!("{text}# {moment}\n"));
}

/// Waits until a saved file is on its way into the run or the program is started again: every other time until the save was
/// seen, else until the sync was told, when the restart follows.
fn kill_moment_of_a_sync(copy: &Copy, session: &mut Session, moment: u64) {
    session.all("run-ready", &["orders"]);
    copy.edit("orders/app.py", |text| format!("{text}# {moment}\n"));
    if moment.is_multiple_of(8) {
        session.until("the save being seen", |value| {
            value["notice"] == "change-seen"
        });
    } else {
        session.notice("synced", "orders");
    }
}

#[test]
fn nothing_is_left_after_a_kill_at_any_moment() {
    if !engine() {
        return;
    }
    let moments: u64 = std::env::var("BOATYARD_KILLS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(4);
    let copy = shop();
    let rule = "watch = [{ path = \"orders/app.py\", action = \"sync\", target = \"/app/app.py\", then = \"restart\" }]";
    copy.0.edit("boatyard.toml", |text| {
        text.replace("[services.orders]", &format!("[services.orders]\n{rule}"))
    });
    let foreign = format!("foreign-{}", copy.0.port);
    let started = docker(&[
        "run",
        "-d",
        "--name",
        &foreign,
        "boatyard-test/busybox",
        "sleep",
        "1000",
    ]);
    assert!(started.status.success(), "{started:?}");
    // Warm images, so that the moments spread over building, starting, running and stopping alike.
    ready(&copy.0).quit();
    for moment in 0..moments {
        let mut session = Session::start(&copy.0, ENGINE);
        let wished = moment * 37 % 23;
        let mut seen = 0;
        session.until("the moment", |_| {
            seen += 1;
            seen > wished
        });
        match moment % 4 {
            0 => kill_moment_of_a_sync(&copy.0, &mut session, moment),
            2 => {
                session.all("run-ready", &["web"]);
                edit_web(&copy.0, moment);
                session.notice("build-started", "web");
            }
            3 => session.signal(rustix::process::Signal::INT),
            _ => {}
        }
        session.signal(rustix::process::Signal::KILL);
        session.child.wait().expect("it ends");
        let down = copy
            .0
            .boatyard(&["down"])
            .output()
            .expect("the binary runs");
        assert!(down.status.success(), "{down:?}");
        assert_eq!(left(&copy.0), Vec::<String>::new(), "after kill {moment}");
    }
    let alive = docker(&["inspect", "--format", "{{.State.Running}}", &foreign]);
    docker(&["rm", "-f", &foreign]);
    assert_eq!(
        String::from_utf8_lossy(&alive.stdout).trim(),
        "true",
        "a foreign container was touched"
    );
    wait_until("the front door to be closed", || {
        copy.0.get("/").is_none().then_some(())
    });
}

#[test]
fn down_tells_of_the_volumes_that_it_keeps() {
    if !engine() {
        return;
    }
    let service = "name = \"NAME\"\n[services.store]\nimage = \"boatyard-test/busybox\"\ncommand = \"sleep 1000\"\nvolumes = [\"data:/data\"]\n";
    let copy = Cleaned(Copy::with(service, &[]));
    let mut session = Session::start(&copy.0, ENGINE);
    session.all("run-ready", &["store"]);
    session.quit();
    let down = |arguments: &[&str]| {
        let output = copy.0.boatyard(arguments).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = down(&["down"]);
    assert!(
        said.contains("left but volumes") && said.contains("kept, with their data: luck-"),
        "{said}"
    );
    assert!(down(&["down", "--volumes"]).starts_with("removed volume luck-"));
    let said = down(&["down"]);
    assert!(said.ends_with("was left\n"), "{said}");
}
