//! The workbench as a person sees it: the real binary on a real terminal.

use super::bad_luck::one;
use super::shop::{Copy, request, wait_until};
use super::terminal::Terminal;

const PROCESS: [&str; 3] = ["up", "--runtime", "process"];

#[test]
fn a_day_at_the_workbench() {
    let copy = Copy::of("shop");
    let mut terminal = Terminal::start(&copy, &PROCESS, 140, 40);
    terminal.shows(&[
        "web",
        "orders",
        "payments",
        "catalog",
        "seed",
        "completed",
        "4 ready",
    ]);
    assert!(terminal.is_alternate());

    copy.edit("web/app.py", |text| {
        text.replace("Welcome to the tea shop", "Closed on Mondays")
    });
    copy.get_until("/", |_, page| page.contains("Closed on Mondays"));
    terminal.shows(&["running edits up to"]);

    request(
        copy.port,
        "POST",
        "/orders",
        r#"{"sku": "tea", "quantity": 3}"#,
    )
    .expect("an answer");
    terminal.shows(&["POST /orders"]);
    terminal.press("3");
    terminal.press("\r");
    terminal.shows(&["4 requests", "took", "payments  POST"]);
    terminal.press("\x1b");
    terminal.hides("took");
    terminal.press("?");
    terminal.shows(&["Keys that work here", "restart", "rebuild"]);
    terminal.press("\x1b");
    terminal.hides("Keys that work here");

    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(!terminal.is_alternate(), "the terminal is restored");
    assert!(copy.get("/").is_none(), "the stack is down");
}

#[test]
fn all_about_a_service_is_a_key_away() {
    let copy = Copy::of("shop");
    let mut terminal = Terminal::start(&copy, &PROCESS, 120, 60);
    terminal.shows(&["4 ready"]);
    terminal.press("i");
    // What the session alone knows: where it is reached. And what is measured.
    let door = format!("127.0.0.1:{} → ", copy.port);
    terminal.shows(&[
        "Details",
        "exec python3 -u app.py",
        &door,
        ", which its process was given",
        "address",
        "ORDERS_URL",
        "http://127.0.0.1:",
    ]);
    terminal.shows(&["orders  ✓ must be ready, and is", "cpu", "written", "B/s"]);
    terminal.shows(&["not counted: a process shares this machine's network"]);
    terminal.press("i");
    terminal.shows(&["what all use", "received", "payments", "catalog"]);
    terminal.press("\x1b");
    terminal.hides("what all use");
    terminal.shows(&["Services", "following"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn sigterm_restores_the_terminal_and_takes_the_stack_down() {
    let copy = Copy::of("shop");
    let mut terminal = Terminal::start(&copy, &PROCESS, 80, 24);
    terminal.shows(&["4 ready"]);
    let pid = terminal
        .child
        .process_id()
        .and_then(|pid| i32::try_from(pid).ok())
        .expect("a process id");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is still there");
    assert_eq!(terminal.ended(), 143);
    assert!(!terminal.is_alternate(), "the terminal is restored");
    assert!(copy.get("/").is_none(), "the stack is down");
}

#[test]
fn any_size_will_do() {
    let copy = Copy::of("shop");
    let mut terminal = Terminal::start(&copy, &PROCESS, 100, 30);
    terminal.shows(&["4 ready"]);
    for (columns, rows) in [(1, 1), (40, 12), (200, 60), (5, 50), (80, 3), (80, 24)] {
        terminal.resize(columns, rows);
    }
    terminal.shows(&["web", "orders"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn what_a_service_says_cannot_harm_the_terminal() {
    let copy = Copy::of("shop");
    copy.edit("seed/seed.py", |text| {
        format!("{text}\nprint('\\x1b]0;stolen title\\x07\\x1b]52;c;c3RvbGVu\\x07\\x1b[2J\\x1b[5nharmless \\x9b31m\\u202e')\n")
    });
    let mut terminal = Terminal::start(&copy, &PROCESS, 140, 40);
    terminal.shows(&["4 ready"]);
    terminal.press("l");
    terminal.shows(&["harmless"]);
    let raw = terminal.raw();
    let has = |bytes: &[u8]| raw.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(b"\x1b]0;stolen"), "the title was set");
    assert!(!has(b"\x1b]52;c;c3RvbGVu"), "the clipboard was written");
    assert!(!has(b"\x1b[5n"), "the terminal was asked how it is");
    terminal.press("q");
    terminal.ended();
}

#[test]
fn who_looks_elsewhere_is_told_of_a_failure_and_that_all_is_well_again() {
    let copy = one();
    let mut terminal = Terminal::start(&copy, &PROCESS, 100, 30);
    terminal.shows(&["1 ready"]);
    let asked = |terminal: &Terminal, words: &str| {
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        raw.split("\x1b]9;")
            .skip(1)
            .any(|told| told.contains(words))
    };
    assert!(asked_for_focus(&terminal));
    let name = |text: String, from: &str, to: &str| text.replace(from, to);
    copy.edit("server.py", |text| {
        name(text, "import http", "nonsense http")
    });
    terminal.shows(&["SyntaxError"]);
    assert!(!asked(&terminal, "web ended"), "somebody looks");
    copy.edit("server.py", |text| {
        name(text, "nonsense http", "import http")
    });
    terminal.shows(&["1 ready"]);
    // The window loses the focus.
    terminal.press("\x1b[O");
    copy.edit("server.py", |text| {
        name(text, "import http", "nonsense http")
    });
    wait_until("word of the end", || {
        asked(&terminal, "web ended").then_some(())
    });
    copy.edit("server.py", |text| {
        name(text, "nonsense http", "import http")
    });
    wait_until("word of the repair", || {
        asked(&terminal, "all services are well again").then_some(())
    });
    terminal.press("\x1b[I");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(
        terminal.raw().ends_with(b"\x1b[?25h"),
        "the cursor is the last that is given back"
    );
}

/// The terminal is asked to tell who has the focus (DEC private mode 1004).
fn asked_for_focus(terminal: &Terminal) -> bool {
    let raw = terminal.raw();
    raw.windows(8).any(|bytes| bytes == b"\x1b[?1004h")
}

#[test]
fn the_theme_follows_a_terminal_that_gets_light_or_dark_until_one_is_chosen() {
    let copy = one();
    let mut terminal = Terminal::start(&copy, &PROCESS, 100, 30);
    terminal.shows(&["1 ready"]);
    let asked = |terminal: &Terminal| {
        let raw = terminal.raw();
        let question = b"\x1b]11;?\x1b\\\x1b[c";
        let found = raw.windows(question.len());
        found.filter(|bytes| *bytes == question).count()
    };
    let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
    assert!(raw.contains("\x1b[?2031h"), "it is asked to tell");
    assert_eq!(asked(&terminal), 1);
    let dark = terminal.ground();
    let until = |terminal: &Terminal, what: &str, ground: &dyn Fn(vt100::Color) -> bool| {
        wait_until(what, || ground(terminal.ground()).then_some(()));
    };
    // In two pieces, as a slow line brings it: no letter of it restarts or quits anything.
    terminal.press("\x1b]11;rgb:ffff/ffff");
    terminal.press("/f0f0\x1b\\\x1b[?62;4c");
    until(&terminal, "a light theme", &|ground| ground != dark);
    let light = terminal.ground();
    terminal.press("\x1b[?997;1n");
    until(&terminal, "a dark theme", &|ground| ground == dark);
    // A terminal that does not tell is asked when it is looked at again.
    terminal.press("\x1b[O\x1b[I");
    wait_until("another question", || (asked(&terminal) == 2).then_some(()));
    terminal.press("\x1b]11;rgb:ff/ff/ff\x07\x1b[?62;4c");
    until(&terminal, "a light theme", &|ground| ground == light);
    terminal.press(":");
    terminal.press("theme dusk\r");
    terminal.shows(&["theme dusk"]);
    until(&terminal, "the chosen theme", &|ground| ground != light);
    let chosen = terminal.ground();
    terminal.press("\x1b[?997;2n\x1b[I");
    terminal.press("?");
    terminal.shows(&["Keys that work here"]);
    assert_eq!(terminal.ground(), chosen, "it stays as it was chosen");
    assert_eq!(asked(&terminal), 2);
    terminal.press("\x1b");
    terminal.hides("Keys that work here");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert!(
        String::from_utf8_lossy(&terminal.raw()).contains("\x1b[?2031l"),
        "it tells no longer"
    );
}
