//! Edits that wait, and requests that do: told, bounded, and let go.

use rustix::process::Signal;

use super::session::Session;
use super::shop::{Copy, request};

const PROCESS: &[&str] = &["--runtime", "process"];

#[test]
fn edits_of_a_manual_service_wait_until_they_are_applied() {
    let copy = Copy::of("shop");
    copy.edit("boatyard.toml", |text| {
        text.replace(
            "[services.web]\n",
            "[services.web]\nwatch_mode = \"manual\"\n",
        )
    });
    let mut session = Session::start(&copy, PROCESS);
    session.all("run-ready", &["web", "orders"]);
    copy.edit("web/app.py", |text| {
        text.replace("Welcome to the tea shop", "Applied by hand")
    });
    let waits = session.notice("edits-wait", "web");
    assert_eq!(
        (&waits["why"], &waits["edits"]),
        (&"manual".into(), &1.into())
    );
    let (_, page) = copy.get("/").expect("an answer");
    assert!(page.contains("Welcome to the tea shop"), "{page}");
    session.signal(Signal::USR1);
    session.notice("edits-applied", "web");
    let live = session.notice("change-live", "web");
    assert!(live["waited_ms"].is_u64(), "{live}");
    let stages = &live["stages"];
    assert!(
        stages["started"].as_u64() <= stages["ready"].as_u64() && stages["ready"].is_u64(),
        "{live}"
    );
    let (status, page) = copy.get("/").expect("an answer");
    assert!(status == 200 && page.contains("Applied by hand"), "{page}");
    let served = session.notice("change-served", "web");
    assert_eq!(served["run"], live["run"]);
    assert!(served["ms"].as_u64() >= live["ms"].as_u64(), "{served}");
    session.signal(Signal::USR2);
    session.until("the hold", |value| value["notice"] == "mode");
    let (_, ended) = session.quit();
    assert_eq!(ended["changes"][0]["service"], "web", "{ended}");
}

/// A service that never listens.
const SILENT: &str = r#"
name = "NAME"

[services.silent]
run = "exec sleep 1000"
ports = ["PORT:8000"]
health = { tcp = true }
hold = "2s"
"#;

#[test]
fn requests_that_wait_long_are_told_of_and_refused_in_time() {
    let copy = Copy::with(SILENT, &[]);
    let mut session = Session::start(&copy, PROCESS);
    session.notice("run-started", "silent");
    let port = copy.port;
    let asking = std::thread::spawn(move || request(port, "GET", "/", ""));
    let held = session.notice("requests-held", "silent");
    assert_eq!(held["held"], 1, "{held}");
    let released = session.notice("requests-released", "silent");
    assert_eq!(released["most"], 1, "{released}");
    let (status, words) = asking.join().expect("it asks").expect("an answer");
    assert_eq!(status, 503);
    assert!(words.contains("became ready within 2.0 s"), "{words}");
    copy.edit("boatyard.toml", |text| text.replace("\"2s\"", "false"));
    session.until("the reload", |value| value["notice"] == "stack-reloaded");
    let (status, words) = copy.get("/").expect("an answer");
    assert!(status == 503 && words.contains("are not held"), "{words}");
    session.quit();
}

/// So many files that what the kernel would tell of writing them does not fit its queue, and room for a slow beginning.
fn more_files_than_the_kernel_tells_of() -> usize {
    let longest = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
    let longest = longest.ok().and_then(|text| text.trim().parse().ok());
    // Each is made, written and closed.
    longest.unwrap_or(16_384_usize) / 2
}

#[test]
fn what_is_saved_while_the_kernel_loses_events_goes_live() {
    let copy = Copy::of("shop");
    let mut session = Session::start(&copy, PROCESS);
    session.all("run-ready", &["web", "orders"]);
    // While it stands still, nothing takes the events away.
    session.signal(Signal::STOP);
    for number in 0..more_files_than_the_kernel_tells_of() {
        std::fs::write(copy.directory().join(format!("web/{number}.tmpl")), "x").expect("written");
    }
    copy.edit("web/app.py", |text| {
        text.replace("Welcome to the tea shop", "Saved in the flood")
    });
    session.signal(Signal::CONT);
    let problem = session.until("that events were lost", |value| {
        value["notice"] == "problem" && value.to_string().contains("more files were saved at once")
    });
    assert!(problem.to_string().contains("nothing is lost"), "{problem}");
    copy.get_until("/", |_, page| page.contains("Saved in the flood"));
    session.quit();
}
