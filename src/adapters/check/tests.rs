//! Checks against real sockets and real commands.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::adapters::Executed;
use crate::adapters::answering::serve;
use crate::runtime::Clock;
use crate::stack::{
    CommandExpect, CommandWords, HttpExpect, HttpRequest, RequestBody, TraceExpect,
};
use crate::telemetry::{Exchange, ExchangeStatus, Headers, SpanId, Telemetry, TraceId};

const PATIENCE: Duration = Duration::from_secs(20);

fn request(method: &str, url: &str, body: RequestBody) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        url: url.into(),
        headers: IndexMap::new(),
        body,
    }
}

fn check(kind: CheckKind) -> Check {
    Check {
        name: "it works".into(),
        kind,
        retries: 0,
        retry_delay: Duration::ZERO,
        timeout: Duration::from_secs(5),
        trace: None,
        faults: Vec::new(),
    }
}

fn http_check(expect: HttpExpect) -> Check {
    check(CheckKind::Http {
        request: request("GET", "http://web/orders?a=1", RequestBody::Empty),
        expect,
    })
}

fn command_check(line: &str, expect: CommandExpect) -> Check {
    check(CheckKind::Command {
        command: CommandWords::Shell(line.into()),
        inside: None,
        expect,
    })
}

async fn outcome_with(
    check: Check,
    web: Option<SocketAddr>,
    exec: Option<Exec>,
    telemetry: Arc<Telemetry>,
) -> CheckOutcome {
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut checks = Checks::new(Wires {
        events: sender,
        telemetry,
        clock: Clock::start(),
    });
    checks.mask(Redactor::new(&["s3cret".to_owned()]));
    let door = move |name: &ServiceName| web.filter(|_| name.as_str() == "web");
    checks.run(CheckId(3), Arc::new(check), door, exec);
    match timeout(PATIENCE, events.recv())
        .await
        .expect("an outcome in time")
    {
        Some(Event::CheckEnded {
            check: CheckId(3),
            outcome,
        }) => outcome,
        other => panic!("not an outcome: {other:?}"),
    }
}

fn here() -> Exec {
    Exec::on_this_machine(
        std::env::temp_dir(),
        vec![("GREETING".into(), "hello".into())],
    )
}

async fn outcome_of(check: Check, web: Option<SocketAddr>) -> CheckOutcome {
    outcome_with(check, web, Some(here()), Arc::default()).await
}

fn reply(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn an_expected_answer_passes() {
    let body = r#"{"state":"paid","total":3,"lines":[{"sku":"tea"},{"sku":"jam"}]}"#;
    let (web, asked) = serve(&reply("201 Created", "application/json", body)).await;
    let outcome = outcome_of(
        check(CheckKind::Http {
            request: request(
                "POST",
                "http://web/orders",
                RequestBody::Json(json!({"sku": "tea"})),
            ),
            expect: HttpExpect {
                status: Some(201),
                headers: [("Content-Type".to_owned(), "^application/json".to_owned())].into(),
                body: Some("\"paid\"".into()),
                body_matches: Some("total\":\\d".into()),
                json: [
                    ("$.state".to_owned(), json!("paid")),
                    ("$.total".to_owned(), json!(3.0)),
                    ("$.lines[*].sku".to_owned(), json!(["tea", "jam"])),
                ]
                .into(),
                within: Some(Duration::from_secs(4)),
            },
        }),
        Some(web),
    )
    .await;
    assert_eq!(outcome.failures, [""; 0]);
    assert_eq!(outcome.answer, format!("201 Created\n{body}"));
    let asked = asked.lock().unwrap()[0].to_lowercase();
    let trace = outcome.trace.unwrap();
    for part in [
        "post /orders http/1.1\r\n",
        "host: web\r\n",
        "content-type: application/json\r\n",
        "content-length: 13\r\n",
        &format!("traceparent: 00-{trace}-"),
        "{\"sku\":\"tea\"}",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
}

#[tokio::test]
async fn every_difference_is_told() {
    let (web, _) = serve(&reply(
        "500 x",
        "text/html",
        r#"{"state":"open s3cret","many":[1,2]}"#,
    ))
    .await;
    let outcome = outcome_of(
        http_check(HttpExpect {
            status: Some(200),
            headers: [
                ("content-type".to_owned(), "json".to_owned()),
                ("x-none".to_owned(), ".".to_owned()),
                ("x-wrong".to_owned(), "(".to_owned()),
            ]
            .into(),
            body: Some("paid".into()),
            body_matches: Some("^<html".into()),
            json: [
                ("$.state".to_owned(), json!("paid")),
                ("$.none".to_owned(), json!(1)),
                ("$.many[*]".to_owned(), json!([1])),
                ("state[".to_owned(), json!(1)),
            ]
            .into(),
            within: Some(Duration::from_nanos(1)),
        }),
        Some(web),
    )
    .await;
    let beginnings = [
        "status: expected 200, found 500 Internal Server Error",
        "header content-type: expected to match \"json\", found \"text/html\"",
        "header x-none: expected to match \".\", found no such header",
        "header x-wrong: \"(\" is no regular expression",
        "body: expected to contain \"paid\", found \"{\\\"state\\\":\\\"open ***",
        "body: expected to match \"^<html\", found",
        "$.state: expected \"paid\", found \"open ***\"",
        "$.none: expected 1, found nothing",
        "$.many[*]: expected [1], found [1,2]",
        "state[ is no JSONPath",
        "time: expected within 0.0 ms, found",
    ];
    assert_eq!(
        outcome.failures.len(),
        beginnings.len(),
        "{:#?}",
        outcome.failures
    );
    for (failure, beginning) in outcome.failures.iter().zip(beginnings) {
        assert!(failure.starts_with(beginning), "{failure}");
    }
    assert!(!outcome.answer.contains("s3cret"));
}

#[tokio::test]
async fn who_cannot_be_asked_is_named() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for (url, why) in [
        ("http://web/x", format!("no answer from http://web/x ({nobody}): connection refused")),
        ("https://web/x", "checks speak http, and https://web/x wants https".to_owned()),
        ("web/x", "the URL web/x is wrong: invalid format".to_owned()),
        ("/x", "/x is no URL; write http://SERVICE/PATH".to_owned()),
        (
            "http://not-a-service.invalid/",
            "not-a-service.invalid is neither a service with a front door (ports) nor a host that is known".to_owned(),
        ),
    ] {
        let kind = CheckKind::Http {
            request: request("GET", url, RequestBody::Empty),
            expect: HttpExpect { within: Some(Duration::ZERO), ..HttpExpect::default() },
        };
        let outcome = outcome_of(check(kind), Some(nobody)).await;
        assert_eq!(outcome.failures, [why], "and no word about the time");
    }
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let check = Check {
        timeout: Duration::from_millis(50),
        ..http_check(HttpExpect::default())
    };
    let outcome = outcome_of(check, Some(listener.local_addr().unwrap())).await;
    assert_eq!(outcome.failures, ["timed out after 50 ms"]);
}

#[tokio::test]
async fn a_long_answer_is_cut_and_made_harmless() {
    let body = format!("\x1b]0;title\x07\x1b[31mred\x1b[0m {}", "日".repeat(5000));
    let (web, _) = serve(&reply("200 OK", "text/plain", &body)).await;
    let outcome = outcome_of(http_check(HttpExpect::default()), Some(web)).await;
    assert!(
        outcome.answer.starts_with("200 OK\nred 日"),
        "{}",
        outcome.answer
    );
    assert!(outcome.answer.len() < ANSWER_LIMIT + 40 && outcome.answer.ends_with("(15 KB in all)"));
}

#[tokio::test]
async fn a_command_on_this_machine_is_judged() {
    let passes = CommandExpect {
        code: 3,
        stdout: Some("hello".into()),
        stdout_matches: Some("(?m)^/".into()),
        stderr: Some("careful".into()),
    };
    let line = "echo $GREETING; pwd; echo careful >&2; exit 3";
    let outcome = outcome_of(command_check(line, passes.clone()), None).await;
    assert_eq!(outcome.failures, [""; 0]);
    assert!(outcome.answer.contains("hello") && outcome.answer.contains("careful"));

    let outcome = outcome_of(command_check("echo s3cret", passes), None).await;
    assert_eq!(
        outcome.failures,
        [
            "exit code: expected 3, found 0",
            "stdout: expected to contain \"hello\", found \"***\"",
            "stdout: expected to match \"(?m)^/\", found \"***\"",
            "stderr: expected to contain \"careful\", found nothing",
        ]
    );
    let killed = outcome_of(command_check("kill -9 $$", CommandExpect::default()), None).await;
    assert_eq!(killed.failures, ["exit code: expected 0, found 137"]);
}

#[tokio::test]
async fn a_command_that_cannot_be_run_says_why() {
    let missing = check(CheckKind::Command {
        command: CommandWords::Words(vec!["/no/such/program".into()]),
        inside: None,
        expect: CommandExpect::default(),
    });
    let outcome = outcome_of(missing, None).await;
    assert!(
        outcome.failures[0].starts_with("command: cannot run /no/such/program in /"),
        "{:?}",
        outcome.failures
    );
}

#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let line = format!("sleep 600 & echo $! > {}; wait", pid_file.display());
    let check = Check {
        timeout: Duration::from_millis(500),
        ..command_check(&line, CommandExpect::default())
    };
    let outcome = outcome_of(check, None).await;
    assert!(
        outcome.failures[0].contains("timed out after 500 ms"),
        "{:?}",
        outcome.failures
    );
    let pid: u32 = std::fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let gone = async {
        // Killed and waited for by whoever inherited it, or still a zombie.
        while std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z"))
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the child is gone");
}

#[tokio::test]
async fn a_command_inside_a_service_goes_through_its_runtime() {
    let inside = |service: &str| {
        check(CheckKind::Command {
            command: CommandWords::Words(vec!["ls".into()]),
            inside: Some(service.into()),
            expect: CommandExpect {
                stdout: Some("data".into()),
                ..CommandExpect::default()
            },
        })
    };
    let db = Exec::new(|argv, _| async move {
        assert_eq!(argv, ["ls"]);
        Ok(Executed {
            stdout: b"data\n".to_vec(),
            ..Executed::default()
        })
    });
    let outcome = outcome_with(inside("db"), None, Some(db), Arc::default()).await;
    assert_eq!(outcome.failures, [""; 0]);
    let outcome = outcome_with(inside("web"), None, None, Arc::default()).await;
    assert_eq!(
        outcome.failures,
        ["command: no run of web is up to run it in"]
    );
}

fn exchange(trace: TraceId, from: Option<&str>, to: &str, millis: i64, code: u16) -> Exchange {
    Exchange {
        trace,
        span: SpanId::random(),
        parent: None,
        caller: from.map(ServiceName::from),
        callee: to.into(),
        run: 1,
        method: "GET".into(),
        path: "/x".into(),
        status: ExchangeStatus::Http(code),
        started: Timestamp::from_millisecond(millis).unwrap(),
        took: Duration::from_millis(1),
        held: Duration::ZERO,
        request_bytes: 0,
        response_bytes: 0,
        request_headers: Headers::default(),
        response_headers: Headers::default(),
        request_body: crate::telemetry::BodyHead::default(),
        response_body: crate::telemetry::BodyHead::default(),
        injected: None,
    }
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn traced(expect: TraceExpect, exchanges: Vec<Exchange>) -> Vec<String> {
    let (web, _) = serve(&reply("200 OK", "text/plain", "ok")).await;
    let mut check = http_check(HttpExpect::default());
    check.trace = Some(expect);
    if let CheckKind::Http { request, .. } = &mut check.kind {
        let context = format!("00-{TRACE}-00f067aa0ba902b7-01");
        request.headers.insert("Traceparent".into(), context);
    }
    let telemetry = Arc::new(Telemetry::default());
    let later = Arc::clone(&telemetry);
    // They arrive one by one, after the answer, the inner ones first.
    tokio::spawn(async move {
        for exchange in exchanges.into_iter().rev() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            later.exchanges().push(exchange);
            later.touch();
        }
    });
    let outcome = outcome_with(check, Some(web), None, telemetry).await;
    assert_eq!(outcome.trace.as_deref(), Some(TRACE));
    outcome.failures
}

#[tokio::test]
async fn the_trace_of_the_request_is_judged() {
    let trace = TraceId::parse(TRACE).unwrap();
    let path = |code| {
        vec![
            exchange(trace, None, "web", 1, 200),
            exchange(trace, Some("web"), "catalog", 2, 200),
            exchange(trace, Some("web"), "orders", 3, 200),
            exchange(trace, Some("orders"), "payments", 4, code),
        ]
    };
    let through = |names: &[&str], errors| TraceExpect {
        through: names.iter().map(|&name| name.into()).collect(),
        errors,
    };
    let passed = traced(through(&["web", "orders", "payments"], Some(0)), path(200)).await;
    assert_eq!(passed, [""; 0]);
    let failed = traced(through(&["web", "payments", "orders"], Some(0)), path(503)).await;
    assert_eq!(
        failed,
        [
            "trace: expected to pass web → payments → orders, found web → catalog → orders → payments",
            "trace: expected at most 0 errors, found 1: orders → payments GET /x: 503",
        ]
    );
    let none = traced(through(&["web"], None), Vec::new()).await;
    assert_eq!(
        none,
        ["trace: found no exchange; only requests through front doors are traced"]
    );
}

#[tokio::test]
async fn stopped_checks_tell_nothing() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut checks = Checks::new(Wires {
        events: sender,
        telemetry: Arc::default(),
        clock: Clock::start(),
    });
    let spec = command_check("sleep 600", CommandExpect::default());
    checks.run(CheckId(1), Arc::new(spec), |_| None, Some(here()));
    checks.stop();
    drop(checks);
    // Every sender is gone without having said anything.
    let end = timeout(PATIENCE, events.recv())
        .await
        .expect("the try has ended");
    assert_eq!(end, None);
}
