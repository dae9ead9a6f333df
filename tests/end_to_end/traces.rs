//! Faults and files of traces with the real binary: plain processes, headless and on a terminal.

use serde_json::Value;

use super::session::Session;
use super::shop::Copy;
use super::terminal::Terminal;

#[test]
fn faults_change_with_the_stack_file_and_restart_nothing() {
    let copy = Copy::of("shop");
    let mut session = Session::start(&copy, &["--runtime", "process", "--no-logs"]);
    session.all("run-ready", &["web", "orders", "payments", "catalog"]);
    let started = |session: &Session| {
        let all = session.said.iter();
        all.filter(|value| value["notice"] == "run-started").count()
    };
    let before = started(&session);
    let faults = "[services.web]\nfaults = [{ from = \"@front-door\", error = 418 }]";
    copy.edit("boatyard.toml", |text| {
        text.replace("[services.web]", faults)
    });
    let set = session.notice("faults-set", "web");
    assert_eq!(set["faults"][0], "from the front door: 100 % answered 418");
    copy.get_until("/", |status, _| status == 418);
    let marked = session.until("a faulty exchange", |value| {
        value["notice"] == "exchange" && value["callee"] == "web" && value["status"] == 418
    });
    assert_eq!(marked["fault"], "answered 418");
    copy.edit("boatyard.toml", |text| {
        text.replace(faults, "[services.web]")
    });
    session.notice("faults-cleared", "web");
    copy.get_until("/", |status, page| {
        status == 200 && page.contains("Darjeeling")
    });
    assert_eq!(started(&session), before, "nothing was started again");
    session.quit();
}

#[test]
fn the_traces_of_a_smoke_test_are_read_from_their_file() {
    let copy = Copy::of("shop");
    copy.edit("boatyard.toml", |text| {
        let check = "\n[[smoke]]\nname = \"a broken door is seen\"\nrequest = \"http://web/\"\nexpect = { status = 418 }\n\
                     faults = [{ service = \"web\", error = 418 }]\n";
        format!("{text}{check}")
    });
    let file = copy.directory().join("traces.json");
    let output = copy
        .boatyard(&["smoke", "--runtime", "process"])
        .arg("--traces")
        .arg(&file)
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("faults on purpose") && said.contains("a broken door is seen"),
        "{said}"
    );

    let listed = copy
        .boatyard(&["traces", "--json", "--file", "traces.json"])
        .output()
        .expect("the binary runs");
    let lines = String::from_utf8_lossy(&listed.stdout).into_owned();
    let traces: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    let order = traces
        .iter()
        .find(|trace| trace["root"] == "POST /orders" && trace["result"] == "201")
        .unwrap_or_else(|| panic!("no order in {lines}"));
    let passed = order["services"].as_array().expect("a list");
    for service in ["web", "orders", "payments"] {
        assert!(passed.contains(&service.into()), "{order}");
    }
    assert!(
        traces.iter().any(|trace| trace["result"] == "418"),
        "{lines}"
    );

    let plain = copy
        .boatyard(&["traces", "--file", "traces.json"])
        .output()
        .expect("the binary runs");
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(plain.contains("POST /orders  201"), "{plain}");

    let mut terminal = Terminal::start(&copy, &["traces", "--file", "traces.json"], 140, 40);
    terminal.shows(&["traces.json", "POST /orders", "418"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn files_that_cannot_be_read_are_said_to_be_wrong() {
    let copy = Copy::with(
        "name = \"NAME\"\n[services.a]\nrun = \"true\"\n",
        &[("no.json", "{}")],
    );
    for (arguments, expected) in [
        (&["traces"][..], "boatyard traces --file FILE"),
        (&["traces", "--file", "nowhere"], "cannot read"),
        (&["traces", "--file", "no.json"], "neither OTLP"),
    ] {
        let output = copy.boatyard(arguments).output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
