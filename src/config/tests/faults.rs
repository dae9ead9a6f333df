//! `faults` of services and of smoke checks.

use std::time::Duration;

use super::{read_text, said, with_line};
use crate::config::to_toml;
use crate::stack::{Callers, ErrorFault, Fault, Share};

fn faults(line: &str) -> Vec<Fault> {
    let loaded = read_text(&with_line(line));
    let said = said(&loaded);
    let stack = loaded.stack.unwrap_or_else(|| panic!("{line}\n{said}"));
    assert_eq!(said, "", "{line}");
    stack.services["a"].faults.clone()
}

#[test]
fn every_key_means_what_it_says() {
    let all = "faults = [{ from = \"a\", latency = \"200ms\", jitter = \"50ms\", error = { status = 502, rate = 0.1 }, \
               abort = 0.05, bandwidth = \"1MB/s\" }]";
    let expected = Fault {
        from: Callers::Service("a".into()),
        latency: Duration::from_millis(200),
        jitter: Duration::from_millis(50),
        error: Some(ErrorFault {
            status: 502,
            share: Share::of(0.1).unwrap(),
        }),
        abort: Share::of(0.05),
        bandwidth: Some(1_000_000),
    };
    assert_eq!(faults(all), [expected]);
    let always = faults("faults = [{ error = 503 }, { abort = true, from = \"@front-door\" }]");
    assert_eq!(always[0].error.unwrap().share, Share::ALL);
    assert_eq!(always[0].from, Callers::Anybody);
    assert_eq!(always[1].abort, Some(Share::ALL));
    assert_eq!(always[1].from, Callers::FrontDoor);
    assert_eq!(
        faults("faults = [{ bandwidth = \"64 kB\" }]")[0].bandwidth,
        Some(64_000)
    );
    assert_eq!(faults("faults = []"), []);
}

#[test]
fn mistakes_are_named() {
    for (line, expected) in [
        (
            "faults = { latency = \"1s\" }",
            "expected a list, found a table",
        ),
        ("faults = [{}]", "this fault does nothing"),
        ("faults = [{ abort = false }]", "this fault does nothing"),
        ("faults = [{ delay = \"1s\" }]", "unknown key \"delay\""),
        (
            "faults = [{ error = 200 }]",
            "200 is not between 400 and 599",
        ),
        (
            "faults = [{ error = { rate = 0.1 } }]",
            "\"status\" is missing",
        ),
        (
            "faults = [{ abort = 2 }]",
            "expected a number between 0 and 1",
        ),
        (
            "faults = [{ abort = 1.5 }]",
            "expected a number between 0 and 1",
        ),
        (
            "faults = [{ abort = nan }]",
            "expected a number between 0 and 1",
        ),
        (
            "faults = [{ latency = 5 }]",
            "expected a duration, found a number",
        ),
        (
            "faults = [{ bandwidth = \"0/s\" }]",
            "nothing would ever pass",
        ),
        (
            "faults = [{ bandwidth = \"fast\" }]",
            "\"fast\" is not a bandwidth",
        ),
        (
            "faults = [{ from = \"b\", latency = \"1s\" }]",
            "a fault of service \"a\" is for requests from \"b\", which is not a service of this file",
        ),
    ] {
        let loaded = read_text(&with_line(line));
        let said = said(&loaded);
        assert!(
            loaded.stack.is_none() && said.contains(expected),
            "{line}\n{said}"
        );
    }
}

#[test]
fn a_check_names_the_service_of_its_faults() {
    let text = |fault: &str| {
        with_line(&format!(
            "[[smoke]]\nname = \"slow\"\nrequest = \"http://a/\"\nfaults = [{fault}]\n"
        ))
    };
    let loaded = read_text(&text("{ service = \"a\", latency = \"1s\" }"));
    let stack = loaded.stack.expect("it is right");
    let fault = &stack.smoke[0].faults[0];
    assert_eq!(
        (fault.service.as_str(), fault.fault.latency),
        ("a", Duration::from_secs(1))
    );
    for (fault, expected) in [
        ("{ latency = \"1s\" }", "\"service\" is missing"),
        (
            "{ service = \"x\", latency = \"1s\" }",
            "smoke check \"slow\" names \"x\"",
        ),
        ("{ service = \"a\" }", "this fault does nothing"),
    ] {
        let said = said(&read_text(&text(fault)));
        assert!(said.contains(expected), "{fault}\n{said}");
    }
}

#[test]
fn what_is_shown_is_read_back() {
    let text = with_line(
        "faults = [{ from = \"@front-door\", latency = \"1500us\", error = { status = 429, rate = 0.25 } }, \
         { abort = true }, { jitter = \"1s\", bandwidth = \"1500B/s\", abort = 0.000001 }]\n\
         [[smoke]]\nname = \"slow\"\nrequest = \"http://a/\"\nfaults = [{ service = \"a\", from = \"a\", error = 500 }]\n",
    );
    let stack = read_text(&text).stack.expect("it is right");
    let again = read_text(&to_toml(&stack, false))
        .stack
        .expect("it is right");
    assert_eq!(again.services["a"].faults, stack.services["a"].faults);
    assert_eq!(again.smoke[0].faults, stack.smoke[0].faults);
}
