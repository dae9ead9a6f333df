//! The main job without an engine: the real binary, headless, runs the shop as plain processes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::session::Session;
use super::shop::{Copy, free_port, request, wait_until};
use serde_json::Value;

const SERVICES: [&str; 4] = ["web", "orders", "payments", "catalog"];
const PROCESS: &[&str] = &["--runtime", "process"];

fn pid_of(notice: &Value) -> u32 {
    let place = notice["place"].as_str().unwrap_or_default();
    let digits: String = place
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no pid in {notice}"))
}

fn pids(session: &Session) -> Vec<u32> {
    session
        .said
        .iter()
        .filter(|value| value["notice"] == "run-started")
        .map(pid_of)
        .collect()
}

fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie is dead: only its parent has not looked yet.
    status
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim_start().starts_with('Z') && !rest.is_empty())
}

fn gone(pids: &[u32]) {
    for pid in pids {
        wait_until(&format!("the end of process {pid}"), || {
            (!is_alive(*pid)).then_some(())
        });
    }
}

fn ready(copy: &Copy) -> Session {
    let mut session = Session::start(copy, PROCESS);
    session.all("run-ready", &SERVICES);
    session
}

#[test]
fn the_shop_comes_up_in_order_and_sells_tea() {
    let copy = Copy::of("shop");
    let session = ready(&copy);
    let position = |notice: &str, service: &str| {
        let found = session
            .said
            .iter()
            .position(|value| value["notice"] == notice && value["service"] == service);
        found.unwrap_or_else(|| panic!("no {notice} of {service}"))
    };
    assert!(
        position("run-ready", "catalog") < position("run-started", "seed"),
        "seed needs the catalog"
    );
    assert!(
        position("run-exited", "seed") < position("run-started", "web"),
        "web needs the seeded catalog"
    );
    assert!(
        position("run-ready", "orders") < position("run-started", "web"),
        "web needs orders"
    );
    let (status, page) = copy.get("/").expect("the shop window answers");
    assert_eq!((status, page.contains("Darjeeling")), (200, true), "{page}");
    let (status, order) = request(
        copy.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 2}"#,
    )
    .expect("an answer");
    assert_eq!((status, order.contains("\"paid\"")), (201, true), "{order}");

    let pids = pids(&session);
    let (code, last) = session.quit();
    assert_eq!(code, Some(130));
    assert_eq!(last["left_behind"], Value::Array(Vec::new()));
    gone(&pids);
    assert!(copy.get("/").is_none(), "the front door is closed");
}

#[test]
fn a_request_is_a_trace_through_all_it_passed() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    request(
        copy.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 1}"#,
    )
    .expect("an answer");
    let root = session.until("the exchange at the front door", |value| {
        value["notice"] == "exchange" && value["callee"] == "web" && value["path"] == "/orders"
    });
    let exchanges: Vec<&Value> = session
        .said
        .iter()
        .filter(|value| value["notice"] == "exchange" && value["trace"] == root["trace"])
        .collect();
    let edges: Vec<(&str, &str)> = exchanges
        .iter()
        .map(|value| {
            (
                value["caller"].as_str().unwrap_or("-"),
                value["callee"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    for edge in [
        ("-", "web"),
        ("web", "orders"),
        ("orders", "catalog"),
        ("orders", "payments"),
    ] {
        assert!(edges.contains(&edge), "{edge:?} is not among {edges:?}");
    }
    session.quit();
}

#[test]
fn the_last_save_wins_and_nothing_else_restarts() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    for number in 1..=5 {
        copy.edit("web/app.py", |text| {
            text.replace("Welcome to the tea shop", &format!("Save {number}"))
                .replace(&format!("Save {}", number - 1), &format!("Save {number}"))
        });
    }
    let (_, page) = copy.get_until("/", |_, page| page.contains("Save 5"));
    assert!(page.contains("Darjeeling"));
    session.notice("change-live", "web");
    let restarted: Vec<&Value> = session
        .said
        .iter()
        .skip_while(|value| value["notice"] != "change-seen")
        .filter(|value| value["notice"] == "run-started")
        .collect();
    assert!(
        restarted.iter().all(|value| value["service"] == "web"),
        "{restarted:?}"
    );
    session.quit();
}

#[test]
fn no_request_fails_while_a_service_is_replaced() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    for number in 1..=5 {
        copy.edit("web/app.py", |text| {
            text.replace(
                &format!("shop{}\"", "!".repeat(number - 1)),
                &format!("shop{}\"", "!".repeat(number)),
            )
        });
        let mut asked = 0;
        wait_until("the new answer", || {
            let (status, page) = copy.get("/").expect("the front door always answers");
            assert_eq!(status, 200, "request {asked} of edit {number}: {page}");
            asked += 1;
            page.contains(&format!("shop{}<", "!".repeat(number)))
                .then_some(())
        });
        session.notice("change-live", "web");
    }
    session.quit();
}

#[test]
fn a_crash_is_told_with_its_cause_and_mended_by_a_save() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    copy.edit("payments/app.py", |text| {
        format!("raise SystemExit('no till')\n{text}")
    });
    let exit = session.until("the crash", |value| {
        value["notice"] == "run-exited"
            && value["service"] == "payments"
            && value["expected"] == false
    });
    assert_eq!(exit["code"], 1);
    assert!(exit["last_lines"].to_string().contains("no till"), "{exit}");
    session.notice("restart-scheduled", "payments");
    // The old run serves on while the new one cannot start.
    let (status, _) = request(
        copy.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 1}"#,
    )
    .expect("an answer");
    assert_eq!(status, 201);
    copy.edit("payments/app.py", |text| {
        text.replace("raise SystemExit('no till')\n", "")
    });
    session.notice("change-live", "payments");
    session.quit();
}

#[test]
fn saving_the_stack_file_applies_the_difference_and_no_more() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    copy.edit("boatyard.toml", |text| {
        text.replace(
            "[[smoke]]\nname = \"the shop window",
            "[services.clock]\nrun = \"exec sleep 1000\"\n\n[[smoke]]\nname = \"the shop window",
        )
    });
    let reloaded = session.until("the reload", |value| value["notice"] == "stack-reloaded");
    assert_eq!(
        (&reloaded["added"], &reloaded["changed"]),
        (&serde_json::json!(["clock"]), &serde_json::json!([]))
    );
    session.notice("run-ready", "clock");
    copy.edit("boatyard.toml", |text| {
        text.replace("[services.clock]", "[services.clock]\nprots = [1]")
    });
    let refused = session.until("the refusal", |value| value["notice"] == "stack-refused");
    assert!(
        refused["problems"].to_string().contains("prots"),
        "{refused}"
    );
    assert_eq!(copy.get("/").expect("the old stack stays").0, 200);
    copy.edit("boatyard.toml", |text| {
        text.replace(
            "[services.clock]\nprots = [1]\nrun = \"exec sleep 1000\"\n",
            "",
        )
    });
    let reloaded = session.until("the second reload", |value| {
        value["notice"] == "stack-reloaded"
    });
    assert_eq!(reloaded["removed"], serde_json::json!(["clock"]));
    session.until("the end of the clock", |value| {
        value["notice"] == "run-exited" && value["service"] == "clock"
    });
    let restarted = session
        .said
        .iter()
        .filter(|value| value["notice"] == "run-started" && value["service"] == "web");
    assert_eq!(restarted.count(), 1, "web was not touched");
    session.quit();
}

#[test]
fn nothing_outlives_a_killed_session() {
    let copy = Copy::of("shop");
    let mut session = ready(&copy);
    let pids = pids(&session);
    session.signal(rustix::process::Signal::KILL);
    session.child.wait().expect("it ends");
    gone(&pids);
    let down = copy.boatyard(&["down"]).output().expect("the binary runs");
    assert!(down.status.success(), "{down:?}");
    let session = ready(&copy);
    session.quit();
}

#[test]
fn a_second_session_points_at_the_first() {
    let copy = Copy::of("shop");
    let session = ready(&copy);
    let second = copy
        .boatyard(&["watch"])
        .args(PROCESS)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains(&session.child.id().to_string()), "{said}");
    session.quit();
}

#[test]
fn a_taken_port_is_named_with_who_has_it() {
    let copy = Copy::of("shop");
    let listener = TcpListener::bind(("127.0.0.1", copy.port)).expect("the port is free");
    let refused = copy
        .boatyard(&["watch"])
        .args(PROCESS)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    let pid = std::process::id().to_string();
    assert!(
        said.contains(&copy.port.to_string())
            && said.contains(&pid)
            && said.contains("--ports auto"),
        "{said}"
    );
    drop(listener);
}

#[test]
fn a_wrong_stack_file_is_refused_with_every_problem() {
    let copy = Copy::of("shop");
    copy.edit("boatyard.toml", |text| {
        text.replace(
            "depends_on = [\"payments\", \"catalog\"]",
            "depends_on = [\"paymnets\"]\nprots = [\"1:1\"]",
        )
    });
    for command in ["check", "watch", "smoke", "graph"] {
        let refused = copy.boatyard(&[command]).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{command}: {said}");
        for part in ["paymnets", "payments", "prots", "ports", "boatyard.toml:"] {
            assert!(
                said.contains(part),
                "{command} does not say {part}:\n{said}"
            );
        }
    }
}

#[test]
fn without_an_engine_the_shop_falls_back_to_processes() {
    let copy = Copy::of("shop");
    let mut command = copy.boatyard(&["smoke", "--json", "report.json"]);
    // No engine at any of the places where one is looked for.
    command
        .env("DOCKER_HOST", "unix:///nonexistent/engine.sock")
        .current_dir(copy.directory());
    let output = command.output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(copy.directory().join("report.json").exists());
    assert!(said.contains("an order can be placed"), "{said}");
}

#[test]
fn engine_only_without_an_engine_says_where_it_looked() {
    let copy = Copy::of("shop");
    let mut command = copy.boatyard(&["smoke", "--runtime", "engine"]);
    command.env("DOCKER_HOST", "unix:///nonexistent/engine.sock");
    let output = command.output().expect("the binary runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("/nonexistent/engine.sock"), "{said}");
}

#[test]
fn smoke_tells_what_failed_and_takes_everything_down() {
    let copy = Copy::of("shop");
    copy.edit("boatyard.toml", |text| {
        text.replace("\"$.total\" = 980", "\"$.total\" = 1")
    });
    let output = copy
        .boatyard(&["smoke", "--junit", "report.xml"])
        .args(PROCESS)
        .current_dir(copy.directory())
        .output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("$.total") && said.contains("980"),
        "expected and found are told:\n{said}"
    );
    let report =
        fs::read_to_string(copy.directory().join("report.xml")).expect("a report was written");
    assert!(report.contains("<failure"), "{report}");
    assert!(copy.get("/").is_none(), "it was taken down");
}

#[test]
fn smoke_ended_by_sigterm_takes_everything_down() {
    let copy = Copy::of("shop");
    copy.edit("boatyard.toml", |text| {
        text.replace(
            "command = \"python3 -c",
            "timeout = \"60s\"\ncommand = \"sleep 50; python3 -c",
        )
    });
    let mut child = copy
        .boatyard(&["smoke"])
        .args(PROCESS)
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    copy.get_until("/", |status, _| status == 200);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is still there");
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert!(copy.get("/").is_none(), "it was taken down");
}

#[test]
fn results_go_to_stdout_and_help_has_examples() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_boatyard"))
            .args(arguments)
            .output()
            .expect("the binary runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop");
    let shop = shop.to_str().expect("a path in UTF-8");
    for (arguments, part) in [
        (vec!["--help"], "Examples"),
        (vec!["smoke", "--help"], "--junit"),
        (vec!["completions", "bash"], "_boatyard"),
        (vec!["man"], ".TH"),
        (vec!["graph", "-C", shop], "payments"),
        (vec!["graph", "--format", "mermaid", "-C", shop], "graph"),
        (
            vec!["config", "--format", "json", "-C", shop],
            "\"services\"",
        ),
        (vec!["check", "-C", shop], "5 services"),
    ] {
        let (code, said) = run(&arguments);
        assert_eq!(code, Some(0), "{arguments:?}");
        assert!(
            said.contains(part),
            "{arguments:?} does not say {part}:\n{said}"
        );
    }
    assert_eq!(run(&["swim"]).0, Some(2));
}

/// The files of its folder, at the port that it is given.
const SERVE: &str = "exec busybox httpd -f -p 127.0.0.1:$PORT";

#[test]
fn a_front_door_that_is_wanted_elsewhere_moves() {
    let stack = "name = \"NAME\"\n[services.web]\nrun = \"sh serve\"\nports = [\"PORT:8000\"]\nhealth = { http = \"/page\" }\n";
    let mut copy = Copy::with(stack, &[("page", "tea"), ("serve", SERVE)]);
    let mut session = Session::start(&copy, PROCESS);
    session.notice("run-ready", "web");
    let (old, taken) = (copy.port, TcpListener::bind("127.0.0.1:0"));
    let taken = taken.expect("a free port");
    let occupied = taken.local_addr().expect("an address").port();
    let moved = |copy: &Copy, from: u16, to: u16| {
        copy.edit("boatyard.toml", |text| {
            text.replace(&format!("{from}:8000"), &format!("{to}:8000"))
        });
    };
    moved(&copy, old, occupied);
    let refused = session.until("the refusal", |value| value["notice"] == "stack-refused");
    let problems = refused["problems"].to_string();
    assert!(problems.contains("is taken by"), "{problems}");
    assert_eq!(copy.get("/page").expect("the old door stays").0, 200);
    drop(taken);
    let free = free_port();
    moved(&copy, occupied, free);
    session.until("the reload", |value| value["notice"] == "stack-reloaded");
    wait_until("the old door to be closed", || {
        copy.get("/page").is_none().then_some(())
    });
    copy.port = free;
    let (status, page) = copy.get_until("/page", |status, _| status == 200);
    assert_eq!((status, page.as_str()), (200, "tea"));
    session.quit();
}
