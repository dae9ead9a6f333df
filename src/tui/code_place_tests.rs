//! Lines as programs write them, and where they lead.

use proptest::prelude::*;

use super::*;
use crate::stack::{Build, Mount, Then, WatchRule};

fn service() -> Service {
    let mut service = Service::named("orders");
    service.directory = "/shop".into();
    service.build = Some(Build {
        context: "/shop/orders".into(),
        dockerfile: "/shop/orders/Dockerfile".into(),
        inline: None,
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service.volumes.push(Mount {
        kind: MountKind::Bind("/shop/data".into()),
        target: "/srv/data".into(),
        read_only: false,
    });
    service.watch.push(WatchRule {
        path: "/shop/orders/src".into(),
        reaction: Reaction::Sync {
            target: "/app/code".into(),
            then: Then::Nothing,
        },
        ignore: Vec::new(),
        include: Vec::new(),
        initial_sync: false,
    });
    service
}

const FILES: [&str; 8] = [
    "/shop/orders/app.py",
    "/shop/orders/src/pay.py",
    "/shop/orders/src/main.go",
    "/shop/orders/web/index.js",
    "/shop/orders/server.py",
    "/shop/data/seed.sql",
    "/shop/orders/Dockerfile",
    "/opt/tool.rb",
];

/// The place that these lines lead to: `PATH:LINE:COLUMN`.
fn found(lines: &[&str], runtime: Runtime) -> String {
    let stack = Stack {
        directory: "/shop".into(),
        ..Stack::default()
    };
    let service = service();
    let is_file = |path: &Path| FILES.iter().any(|file| Path::new(file) == path);
    let lines = lines.iter().copied();
    match find(lines, (&stack, &service, Some(runtime)), is_file) {
        None => "none".into(),
        Some(FilePlace { path, line, column }) => {
            let column = column.map_or(String::new(), |column| format!(":{column}"));
            format!("{}:{line}{column}", path.display())
        }
    }
}

#[test]
fn places_are_read_as_each_language_writes_them() {
    let cases = [
        (
            "  File \"orders/app.py\", line 12, in place",
            "/shop/orders/app.py:12",
        ),
        (
            "error: src/main.go:7:3: undefined: x",
            "/shop/orders/src/main.go:7:3",
        ),
        (
            "    at place (/app/web/index.js:10:5)",
            "/shop/orders/web/index.js:10:5",
        ),
        (
            "    at file:///app/web/index.js:10:5",
            "/shop/orders/web/index.js:10:5",
        ),
        (
            "web/index.js(4,2): error TS2304",
            "/shop/orders/web/index.js:4:2",
        ),
        (
            "PHP Warning in /app/web/index.js on line 3",
            "/shop/orders/web/index.js:3",
        ),
        ("died at src/pay.py line 9.", "/shop/orders/src/pay.py:9"),
        ("  --> src/pay.py:9:1", "/shop/orders/src/pay.py:9:1"),
        ("Dockerfile:3", "/shop/orders/Dockerfile:3"),
        ("./orders/app.py:2 and more", "/shop/orders/app.py:2"),
        ("orders/src/../app.py:2", "/shop/orders/app.py:2"),
        // The first one is no file of this machine.
        (
            "10.0.0.3:8080 GET nowhere.py:3 app.py:4",
            "/shop/orders/app.py:4",
        ),
        (
            "{\"trace\": \"File \\\"/app/app.py\\\", line 8\"}",
            "/shop/orders/app.py:8",
        ),
        ("app.py:0 and localhost:8000 and 12:30:45", "none"),
        ("nothing here", "none"),
    ];
    for (line, wished) in cases {
        assert_eq!(found(&[line], Runtime::Container), wished, "{line}");
    }
}

#[test]
fn paths_of_a_container_are_those_of_this_machine_again() {
    let of = |line| found(&[line], Runtime::Container);
    assert_eq!(of("/app/code/pay.py:3"), "/shop/orders/src/pay.py:3");
    assert_eq!(of("/srv/data/seed.sql:1"), "/shop/data/seed.sql:1");
    assert_eq!(of("/app/app.py:3"), "/shop/orders/app.py:3");
    assert_eq!(of("/shop/orders/app.py:3"), "/shop/orders/app.py:3");
    // What comes with the image is nobody's own, even if a file is called so.
    assert_eq!(of("/usr/lib/python3.12/http/server.py:3"), "none");
    assert_eq!(of("/app/node_modules/x/web/index.js:3"), "none");
    assert_eq!(of("/opt/tool.rb:3"), "none");
    assert_eq!(
        found(&["/opt/tool.rb:3"], Runtime::Process),
        "/opt/tool.rb:3"
    );
}

#[test]
fn a_traceback_of_pythons_leads_to_where_it_happened() {
    let python = [
        "Traceback (most recent call last):",
        "  File \"/app/app.py\", line 3, in <module>",
        "    pay()",
        "  File \"/app/src/pay.py\", line 9, in pay",
        "  File \"/usr/lib/python3.12/json.py\", line 1, in loads",
        "ValueError: no",
    ];
    assert_eq!(
        found(&python, Runtime::Container),
        "/shop/orders/src/pay.py:9"
    );
    let others = [
        "Error: no",
        "    at pay (/app/web/index.js:4:1)",
        "    at place (/app/web/index.js:10:5)",
    ];
    assert_eq!(
        found(&others, Runtime::Container),
        "/shop/orders/web/index.js:4:1"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_line_will_do(line in "\\PC*", more in "[a-z./:0-9\"(), ]{0,80}") {
        find([line.as_str(), more.as_str()], (&Stack::default(), &service(), None), |_| true);
    }
}
