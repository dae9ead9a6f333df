//! Real lines of each form, and what is told of them; and groups of lines.

use proptest::prelude::*;

use super::*;
use crate::telemetry::Level;

/// A line, its level, its message, and its fields as `name=value`.
type Case = (
    &'static str,
    &'static str,
    Option<Level>,
    &'static str,
    &'static str,
);

const JSON: &[Case] = {
    use Level::{Debug, Error, Info, Warn};
    &[
        (
            "zap",
            r#"{"level":"info","ts":1700000000.12,"caller":"api/x.go:12","msg":"listening","port":8080}"#,
            Some(Info),
            "listening",
            "caller=api/x.go:12 port=8080",
        ),
        (
            "logrus",
            r#"{"animal":"walrus","level":"warning","msg":"A group","size":10,"time":"2014-03-10 19:57:38 -0400"}"#,
            Some(Warn),
            "A group",
            "animal=walrus size=10",
        ),
        (
            "pino",
            r#"{"level":50,"time":1531171074631,"pid":657,"hostname":"a","msg":"failed","err":{"type":"Error","message":"no"}}"#,
            Some(Error),
            "failed",
            r#"pid=657 hostname=a err={"type":"Error","message":"no"}"#,
        ),
        (
            "bunyan",
            r#"{"name":"myapp","hostname":"b","pid":1,"level":30,"msg":"hi","time":"2012-01-31T00:31:43Z","v":0}"#,
            Some(Info),
            "hi",
            "name=myapp hostname=b pid=1 v=0",
        ),
        (
            "slog",
            r#"{"time":"2022-11-08T15:28:26Z","level":"INFO","msg":"hello","count":3}"#,
            Some(Info),
            "hello",
            "count=3",
        ),
        (
            "serilog",
            r#"{"@t":"2016-06-07T03:44:57.8Z","@mt":"Hello, {User}","@l":"Warning","User":"nblumhardt"}"#,
            Some(Warn),
            "Hello, {User}",
            "User=nblumhardt",
        ),
        (
            "python-json-logger",
            r#"{"asctime": "2026-01-01 10:00:00,1", "levelname": "ERROR", "name": "app", "message": "broke \"it\""}"#,
            Some(Error),
            "broke \"it\"",
            "name=app",
        ),
        (
            "ECS",
            r#"{"@timestamp":"2026-01-01T10:00:00Z","log.level":"debug","message":"m","ecs.version":"1.2"}"#,
            Some(Debug),
            "m",
            "ecs.version=1.2",
        ),
        (
            "structlog",
            r#"{"event": "user logged in", "user": {"id": 17}, "level": "info"}"#,
            Some(Info),
            "user logged in",
            r#"user={"id": 17}"#,
        ),
        (
            "tracing",
            r#"{"timestamp":"2026","level":"INFO","fields":{"message":"started","port":1},"target":"x"}"#,
            Some(Info),
            "started",
            r#"fields={"message":"started","port":1} target=x"#,
        ),
    ]
};

const TEXT: &[Case] = {
    use Level::{Debug, Error, Fatal, Info, Warn};
    &[
        (
            "logfmt",
            r#"time=2026-01-01T00:00:00Z level=warn msg="slow \"one\"" ms=120 retry"#,
            Some(Warn),
            r#"slow "one""#,
            "ms=120 retry=",
        ),
        (
            "access log",
            r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "http://r/" "Mozilla/4.08 [en]""#,
            None,
            "GET /a?b=c HTTP/1.0",
            "client=127.0.0.1 user=frank status=200 bytes=2326 referer=http://r/ agent=Mozilla/4.08 [en]",
        ),
        (
            "nginx",
            "2026/01/01 00:00:00 [error] 12#13: *7 open() \"/x\" failed",
            Some(Error),
            "open() \"/x\" failed",
            "process=12#13 connection=7",
        ),
        (
            "apache",
            "[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 43] [client 72.15.99.187] File does not exist: /x",
            Some(Error),
            "File does not exist: /x",
            "module=core pid=35708:tid 43 client=72.15.99.187",
        ),
        (
            "syslog 5424",
            r#"<165>1 2003-10-11T22:14:15.003Z my.host evntslog - ID47 [x@1 iut="3"] An event"#,
            Some(Info),
            "An event",
            r#"priority=165 host=my.host app=evntslog id=ID47 data=[x@1 iut="3"]"#,
        ),
        (
            "syslog",
            "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed",
            Some(Fatal),
            "'su root' failed",
            "priority=34 host=mymachine app=su pid=12",
        ),
        (
            "klog",
            "E0203 14:03:21.112345       1 main.go:10] it broke err=\"no route\"",
            Some(Error),
            "it broke",
            "thread=1 source=main.go:10 err=no route",
        ),
        (
            "ruby",
            "I, [2026-01-01T10:00:00.123456 #17]  INFO -- : Started GET \"/\"",
            Some(Info),
            "Started GET \"/\"",
            "pid=17",
        ),
        (
            "spring boot",
            "2026-01-01T10:00:00.123Z  INFO 17 --- [           main] com.example.App                          : Started App",
            Some(Info),
            "Started App",
            "pid=17 thread=main logger=com.example.App",
        ),
        (
            "logback",
            "10:00:00.123 [main] WARN  com.example.App - low on memory",
            Some(Warn),
            "low on memory",
            "thread=main logger=com.example.App",
        ),
        (
            "log4j",
            "2026-01-01 10:00:00,123 ERROR [org.hibernate.Sql] (worker-1) no table",
            Some(Error),
            "no table",
            "logger=org.hibernate.Sql thread=worker-1",
        ),
        (
            "python",
            "2026-01-01 10:00:00,123 - app.db - WARNING - retrying",
            Some(Warn),
            "retrying",
            "logger=app.db",
        ),
        (
            "python",
            "WARNING:root:careful",
            Some(Warn),
            "careful",
            "logger=root",
        ),
        (
            "loguru",
            "2026-01-01 10:00:00.123 | INFO     | app:main:12 - ready",
            Some(Info),
            "ready",
            "source=app:main:12",
        ),
        (
            "gunicorn",
            "[2026-01-01 10:00:00 +0000] [17] [INFO] Booting worker",
            Some(Info),
            "Booting worker",
            "pid=17",
        ),
        (
            "celery",
            "[2026-01-01 10:00:00,123: ERROR/MainProcess] lost",
            Some(Error),
            "lost",
            "process=MainProcess",
        ),
        (
            "env_logger",
            "[2026-01-01T10:00:00Z INFO  app::db] connected",
            Some(Info),
            "connected",
            "target=app::db",
        ),
        (
            "tracing",
            "2026-01-01T10:00:00.123456Z  INFO request{id=7 method=GET}: app::http: finished status=200 ms=3",
            Some(Info),
            "finished",
            "span=request{id=7 method=GET} target=app::http status=200 ms=3",
        ),
        (
            "tracing",
            "2026-01-01T10:00:00Z  WARN shop::proto: closed",
            Some(Warn),
            "closed",
            "target=shop::proto",
        ),
        (
            "postgres",
            "2026-01-01 10:00:00.123 UTC [1] FATAL:  password failed",
            Some(Fatal),
            "password failed",
            "pid=1",
        ),
        (
            "mysql",
            "2026-01-01T10:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate is self signed.",
            Some(Warn),
            "CA certificate is self signed.",
            "thread=0 code=MY-010068 part=Server",
        ),
        (
            "redis",
            "1:M 01 Jan 2026 10:00:00.123 * Ready to accept connections",
            None,
            "Ready to accept connections",
            "pid=1 role=M",
        ),
        (
            ".net",
            "fail: Microsoft.AspNetCore.Server.Kestrel[13]",
            Some(Error),
            "Microsoft.AspNetCore.Server.Kestrel[13]",
            "",
        ),
        (
            "zap",
            "2026-01-01T10:00:00.123Z  DEBUG  api/x.go:12  cache miss  {\"key\": 7}",
            Some(Debug),
            "cache miss",
            "source=api/x.go:12 fields={\"key\": 7}",
        ),
        (
            "go",
            "2026/01/01 10:00:00 main.go:12: listening on :8080",
            None,
            "listening on :8080",
            "source=main.go:12",
        ),
        (
            "go",
            "2026/01/01 10:00:00 INFO hello count=3",
            Some(Info),
            "hello",
            "count=3",
        ),
        (
            "time and level",
            "2026-01-01 10:00:00 [error] no",
            Some(Error),
            "no",
            "",
        ),
        (
            "time and level",
            "2026-01-01 10:00:00 ERROR no such order=17",
            Some(Error),
            "no such",
            "order=17",
        ),
        (
            "level",
            "INFO  POST /orders sku=tea",
            Some(Info),
            "POST /orders",
            "sku=tea",
        ),
        ("level", "[warn] low", Some(Warn), "low", ""),
        (
            "level",
            "INFO:     127.0.0.1:5 - \"GET / HTTP/1.1\" 200",
            Some(Info),
            "127.0.0.1:5 - \"GET / HTTP/1.1\" 200",
            "",
        ),
    ]
};

fn fields(found: &Recognised<'_>) -> String {
    let fields = found.fields.iter();
    let words: Vec<String> = fields
        .map(|field| format!("{}={}", field.name, field.value))
        .collect();
    words.join(" ")
}

#[test]
fn json_of_the_common_libraries_is_read() {
    for (library, line, level, message, expected) in JSON {
        let found = recognise(line).unwrap_or_else(|| panic!("{library}: {line}"));
        assert_eq!(found.format, Format::Json, "{library}");
        assert_eq!(found.message, *message, "{library}");
        assert_eq!(fields(&found), *expected, "{library}");
        assert_eq!(Level::of_line(line.as_bytes()), *level, "{library}");
    }
}

#[test]
fn the_common_forms_of_text_are_read() {
    for (form, line, level, message, expected) in TEXT {
        let found = recognise(line).unwrap_or_else(|| panic!("{form}: {line}"));
        match found.format {
            Format::Text(known) if level.is_some() || known != "time" => {
                assert_eq!(known, *form, "{line}");
            }
            Format::Text(_) => {}
            Format::Logfmt => assert_eq!(*form, "logfmt", "{line}"),
            Format::Json => panic!("{line}"),
        }
        assert_eq!(found.message, *message, "{line}");
        assert_eq!(fields(&found), *expected, "{line}");
        assert_eq!(Level::of_line(line.as_bytes()), *level, "{line}");
    }
}

#[test]
fn times_are_kept_as_they_are_written() {
    for (line, time) in [
        (r#"{"ts":1700000000.12,"msg":"x"}"#, Some("1700000000.12")),
        (
            "2026-01-01 10:00:00,123 - a - INFO - x",
            Some("2026-01-01 10:00:00,123"),
        ),
        ("10:00:00.1 [main] INFO a - x", Some("10:00:00.1")),
        ("level=info msg=x", None),
    ] {
        let found = recognise(line).expect("a known form");
        assert_eq!(found.time.as_deref(), time, "{line}");
    }
}

#[test]
fn what_has_no_form_is_left_alone() {
    for line in [
        "",
        "   ",
        "POST /orders 201 in 38 ms",
        "{not json}",
        r#"{"a":1"#,
        r#"{"a":1} trailing"#,
        r#"{"a" 1}"#,
        "a=1",
        "x = y",
        "  File \"/app/app.py\", line 41, in place_order",
    ] {
        assert_eq!(recognise(line), None, "{line}");
    }
}

#[test]
fn fields_are_found_by_name_and_by_path() {
    let line = r#"{"msg":"m","user":{"id":17,"tags":["a","b"]},"log.origin":{"file.name":"x.go"},"time":"t"}"#;
    let found = recognise(line).expect("JSON");
    for (name, value) in [
        ("user.id", Some("17")),
        ("user.tags.1", Some("b")),
        ("log.origin.file.name", Some("x.go")),
        ("message", Some("m")),
        ("time", Some("t")),
        ("user.name", None),
        ("nobody", None),
    ] {
        assert_eq!(found.field(name).as_deref(), value, "{name}");
    }
}

#[test]
fn the_beginning_of_a_long_object_is_enough() {
    let line = format!(
        r#"{{"level":"info","msg":"long","data":"{}"}}"#,
        "x".repeat(20_000)
    );
    let found = recognise(&line[..16_000]).expect("its beginning");
    assert_eq!(found.message, "long");
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(line in any::<String>(), json in "[{}\\[\\]\":,\\\\a-z0-9. ]{0,60}", pairs in "([a-z\"= \\\\]{1,6}=?){0,8}") {
        for text in [line, format!("{{{json}"), pairs] {
            let text = crate::text::plain(text.as_bytes());
            let Some(found) = recognise(&text) else { continue };
            for part in found.fields.iter().flat_map(|field| [&field.name, &field.value]).chain([&found.message]) {
                // What is not a piece of the line was decoded, and is harmless all the same.
                prop_assert!(matches!(part, Cow::Owned(_)) || text.contains(&**part));
                prop_assert!(part.chars().all(|letter| !letter.is_control()), "{part:?}");
            }
            found.field("a.b.c");
        }
    }

    #[test]
    fn any_object_gives_all_of_its_members_back(members in proptest::collection::btree_map("[b-k]{1,5}", "[ -~]{0,12}", 0..8)) {
        let line = serde_json::to_string(&members).expect("an object");
        let found = recognise(&line).expect("JSON");
        prop_assert_eq!(found.fields.len() + usize::from(members.contains_key("body")), members.len());
        for field in &found.fields {
            prop_assert_eq!(Some(&*field.value), members.get(&*field.name).map(String::as_str));
        }
    }

    #[test]
    fn every_line_is_in_one_group(lines in proptest::collection::vec("(Traceback \\(most recent call last\\):|  at x|panic: y|main\\.f\\(1\\)|INFO a|ERROR b|Caused by: c|ValueError: d|thread 'a' panicked at b|\\^|plain| *|\\})", 0..40)) {
        let shapes: Vec<Shape> = lines.iter().map(|line| shape(line)).collect();
        let found = groups(&shapes);
        let mut next = 0;
        for range in &found {
            prop_assert_eq!(range.start, next);
            prop_assert!(range.end > range.start);
            next = range.end;
            let lines: Vec<&str> = lines[range.clone()].iter().map(String::as_str).collect();
            let told = telling(&lines);
            prop_assert!(!told.is_empty() && told.iter().all(|at| *at < lines.len()));
        }
        prop_assert_eq!(next, lines.len());
        // A line with which a message surely begins is the first of its group, however much is known before it.
        for (at, shape) in shapes.iter().enumerate().skip(1) {
            if begins(Some(shapes[at - 1]), *shape) {
                prop_assert!(found.iter().any(|range| range.start == at), "{:?}", &lines[..=at]);
            }
        }
    }
}

/// Groups of a text, each as how many lines it has and what tells most of it.
fn grouped(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let shapes: Vec<Shape> = lines.iter().map(|line| shape(line)).collect();
    let told = |range: std::ops::Range<usize>| {
        let lines = &lines[range];
        let told: Vec<&str> = telling(lines).into_iter().map(|at| lines[at]).collect();
        (lines.len(), told.join(" · "))
    };
    groups(&shapes).into_iter().map(told).collect()
}

#[test]
fn a_python_trace_is_told_by_what_was_raised() {
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n    ^^^\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in h\nValueError: no x";
    assert_eq!(grouped(trace), [(11, "ValueError: no x".to_owned())]);
    let logged = format!("2026-01-01 10:00:00,1 ERROR app: it broke\n{trace}\nINFO goes on\nplain");
    assert_eq!(
        grouped(&logged),
        [
            (
                12,
                "2026-01-01 10:00:00,1 ERROR app: it broke · ValueError: no x".to_owned()
            ),
            (1, "INFO goes on".to_owned()),
            (1, "plain".to_owned()),
        ]
    );
}

#[test]
fn a_java_trace_is_told_by_its_first_line_and_its_cause() {
    let trace = "java.lang.IllegalStateException: no order\n\tat a.B.c(B.java:1)\n\t... 3 more\nCaused by: java.io.IOException: gone\n\tat a.B.d(B.java:2)\n\t... 12 more";
    let told = "java.lang.IllegalStateException: no order · Caused by: java.io.IOException: gone";
    assert_eq!(grouped(trace), [(6, told.to_owned())]);
    let thread = "Exception in thread \"main\" java.lang.Error: x\n\tat a.B.c(B.java:1)\nstopped";
    assert_eq!(
        grouped(thread),
        [
            (
                2,
                "Exception in thread \"main\" java.lang.Error: x".to_owned()
            ),
            (1, "stopped".to_owned())
        ]
    );
}

#[test]
fn go_routines_rust_node_and_dotnet_are_one_each() {
    for (trace, told) in [
        (
            "panic: runtime error: index out of range\n[signal SIGSEGV: x]\n\ngoroutine 1 [running]:\nmain.work(0xc0000)\n\t/app/main.go:12 +0x1d\nmain.main()\n\t/app/main.go:5 +0x20\n\ngoroutine 7 [select]:\nnet/http.(*conn).serve(0x1)\n\t/usr/x.go:1 +0x1\ncreated by net/http.Serve in goroutine 1\n\t/usr/y.go:2 +0x1\nexit status 2",
            "panic: runtime error: index out of range",
        ),
        (
            "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x.rs:1\nnote: Some details are omitted, run with `RUST_BACKTRACE=full`",
            "thread 'main' panicked at src/main.rs:2:5: · index out of bounds",
        ),
        (
            "TypeError: x is not a function\n    at f (/app/x.js:3:9)\n    at node:internal:1 {\n  code: 'X'\n}\n\nNode.js v20.1.0",
            "TypeError: x is not a function",
        ),
        (
            "Unhandled exception. System.InvalidOperationException: no\n   at A.B() in /app/x.cs:line 3\n   --- End of inner exception stack trace ---\n   at C.D()",
            "Unhandled exception. System.InvalidOperationException: no",
        ),
        (
            "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://[::]:80",
            "info: Microsoft.Hosting.Lifetime[14]",
        ),
    ] {
        assert_eq!(grouped(trace), [(trace.lines().count(), told.to_owned())]);
    }
}

#[test]
fn messages_that_follow_each_other_are_not_one() {
    let lines = "one\ntwo\n\nINFO three\nlevel=info msg=four\n{\"msg\":\"five\"}\nmain.f(1)";
    assert_eq!(grouped(lines).len(), lines.lines().count());
}
