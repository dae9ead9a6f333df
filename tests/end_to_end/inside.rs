//! Going inside services at the workbench: the real binary on a real terminal.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::bad_luck::one;
use super::containers::{Cleaned, engine, left};
use super::shop::{Copy, wait_until};
use super::terminal::Terminal;

const PROCESS: [&str; 3] = ["up", "--runtime", "process"];
const LEAVE: &str = "\x1d";

/// A workbench on which the one service is ready.
fn workbench(copy: &Copy, columns: u16, rows: u16) -> Terminal {
    let terminal = Terminal::start(copy, &PROCESS, columns, rows);
    terminal.shows(&["web", "ready"]);
    terminal
}

/// The shell of these tests has no start files of whoever runs them.
fn copy() -> Copy {
    let copy = one();
    copy.edit("boatyard.toml", |text| {
        format!("{text}environment = {{ SHELL = \"/bin/sh\", PS1 = \"inside> \", GREETING = \"hello\" }}\n")
    });
    copy
}

#[test]
fn a_shell_in_a_process_is_worked_in_scrolled_left_and_returned_to() {
    let copy = copy();
    let mut terminal = workbench(&copy, 140, 40);
    terminal.press("E");
    terminal.shows(&["Shell", "inside> ", "ctrl-] leaves"]);
    terminal.press("echo $((6*7)) $GREETING\r");
    terminal.shows(&["42 hello"]);
    // Keys that mean something to the workbench, or end it, are the shell's.
    terminal.press("echo s''leeps; sleep 1000\r");
    terminal.shows(&["sleeps"]);
    terminal.press("\x03");
    terminal.press("echo still; pwd\r");
    terminal.shows(&["still", &copy.directory().display().to_string()]);

    terminal.press("seq 1 300\r");
    terminal.shows(&["300", "inside> "]);
    terminal.hides("42 hello");
    terminal.press("\x1b[5~\x1b[5~");
    terminal.shows(&["lines up"]);
    terminal.press("\x1b[1;2H");
    terminal.shows(&["42 hello"]);
    terminal.press("echo back\r");
    terminal.shows(&["back", "300"]);

    terminal.press(LEAVE);
    terminal.shows(&["left: E returns, x ends the shell of web", "Logs", "Traces"]);
    terminal.press("E");
    terminal.shows(&["echo back", "300"]);
    terminal.press("exit 5\r");
    terminal.shows(&["── exit code 5", "over"]);
    terminal.press("\r");
    terminal.shows(&["Logs", "Traces"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn a_command_tells_its_end_and_stays_readable() {
    let copy = copy();
    let mut terminal = workbench(&copy, 80, 24);
    terminal.press("!");
    terminal.shows(&["run in web:"]);
    terminal.press("echo $GREETING; exit 3\r");
    terminal.shows(&["Command", "hello", "── exit code 3"]);
    terminal.press(LEAVE);
    terminal.shows(&["Logs"]);
    terminal.press("!\r");
    terminal.shows(&["hello", "── exit code 3"]);
    terminal.press(LEAVE);
    terminal.press("!sleep 4713\r");
    terminal.shows(&["sleep 4713"]);
    terminal.press(LEAVE);
    terminal.shows(&["left: ! returns, x ends the command"]);
    terminal.press("x!\r");
    terminal.shows(&["── ended, as you asked"]);
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn the_terminal_inside_is_as_large_as_its_pane() {
    let copy = copy();
    let mut terminal = workbench(&copy, 100, 30);
    terminal.press("E");
    terminal.shows(&["inside> "]);
    // Header, title, footer and a row of space are not its own. A size may come later than the keys that are typed after it.
    terminal.press("until [ \"$(stty size)\" = '26 100' ]; do :; done; echo ro''omy\r");
    terminal.shows(&["roomy"]);
    // Keys that come at the very moment of a new size are heard, too.
    terminal.resize(80, 24);
    terminal.press("until [ \"$(stty size)\" = '21 80' ]; do :; done; echo nar''row\r");
    terminal.shows(&["narrow"]);
    terminal.resize(3, 2);
    terminal.resize(60, 12);
    terminal.press("until [ \"$(stty size)\" = '9 60' ]; do :; done; echo sm''all\r");
    terminal.shows(&["small"]);
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn what_a_program_inside_prints_reaches_no_other_terminal() {
    let copy = copy();
    let script = "printf '\\033]0;stolen title\\007\\033]52;c;c3RvbGVu\\007\\033[21t\\033[5n\\033[c\\033P+q544e\\033\\\\\\033_x\\033\\\\'\n\
                  printf '\\033[31mred\\033[0m \\033[2;70Hfar\\n'\n";
    std::fs::write(copy.directory().join("evil.sh"), script).expect("written");
    let mut terminal = workbench(&copy, 140, 40);
    terminal.press("!sh evil.sh; stty raw -echo; dd bs=1 count=9 2>/dev/null | od -c | head -2; echo over''all\r");
    terminal.shows(&["red", "far", "overall"]);
    // The program was answered what it asked of its own terminal: `ESC [ 0 n`, then `ESC [ ? 6 c`.
    terminal.shows(&["033   [   0   n 033   [   ?   6   c"]);
    let raw = terminal.raw();
    let has = |bytes: &[u8]| raw.windows(bytes.len()).any(|window| window == bytes);
    assert!(!has(b"\x1b]0;stolen"), "the title was set");
    assert!(!has(b"c3RvbGVu"), "the clipboard was written");
    assert!(
        !has(b"\x1b[21t") && !has(b"\x1b[5n"),
        "the terminal was asked"
    );
    assert!(
        !has(b"\x1bP+q") && !has(b"\x1b_x"),
        "a device string passed"
    );
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn keys_are_answered_while_a_program_inside_floods() {
    let copy = copy();
    let mut terminal = workbench(&copy, 120, 30);
    terminal.press("E");
    terminal.shows(&["inside> "]);
    terminal.press("yes fl''ood\r");
    terminal.shows(&["flood"]);
    terminal.press(LEAVE);
    terminal.shows(&["left: E returns"]);
    terminal.press("E");
    terminal.shows(&["flood"]);
    terminal.press("\x03");
    terminal.press("clear; echo calm\r");
    terminal.shows(&["calm"]);
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

const ASKS: &str = r#"
name = "NAME"
[services.asks]
run = "exec python3 -u asks.py"
"#;

#[test]
fn attaching_types_into_the_programs_own_terminal() {
    // In one piece: what is asked comes by the other stream, which may overtake it.
    let program = "print('ready')\nwhile True:\n    print('got ' + input('name? '))\n";
    let copy = Copy::with(ASKS, &[("asks.py", program)]);
    let mut terminal = Terminal::start(&copy, &PROCESS, 140, 40);
    terminal.shows(&["asks", "name?"]);
    terminal.press("A");
    terminal.shows(&["Terminal", "its own terminal", "ready"]);
    terminal.press("tea\r");
    terminal.shows(&["got tea"]);
    terminal.press(LEAVE);
    terminal.press("x");
    terminal.shows(&["detached from asks, which goes on"]);
    terminal.press("A");
    terminal.shows(&["got tea"]);
    terminal.press("milk\r");
    terminal.shows(&["got milk"]);
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

fn is_running(line: &str) -> bool {
    let found = Command::new("pgrep").args(["-f", line]).output();
    found.is_ok_and(|found| found.status.success())
}

#[test]
fn nothing_inside_outlives_a_killed_session_or_its_run() {
    let copy = copy();
    let mark = format!("77{}", std::process::id());
    let mut terminal = workbench(&copy, 120, 30);
    terminal.press("E");
    terminal.shows(&["inside> "]);
    terminal.press(&format!(
        "(trap '' HUP; setsid sleep {mark}1) & sleep {mark}2\r"
    ));
    wait_until("both", || {
        (is_running(&format!("sleep {mark}1")) && is_running(&format!("sleep {mark}2")))
            .then_some(())
    });
    // Another run takes its place: what was inside of it ends, which is said.
    terminal.press(LEAVE);
    terminal.press("r");
    wait_until("the end of both", || {
        (!is_running(&format!("sleep {mark}"))).then_some(())
    });
    terminal.press("E");
    terminal.shows(&["run #2"]);
    terminal.press(&format!("sleep {mark}3\r"));
    wait_until("the third", || {
        is_running(&format!("sleep {mark}3")).then_some(())
    });
    let pid = terminal
        .child
        .process_id()
        .and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it is still there");
    terminal.child.wait().expect("it ends");
    wait_until("the end of the third", || {
        (!is_running(&format!("sleep {mark}3"))).then_some(())
    });
}

const CONTAINERS: &str = r#"
name = "NAME"
[services.web]
image = "boatyard-test/busybox"
command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
[services.bare]
build = "bare"
"#;

const BARE: &str = "FROM boatyard-test/busybox AS all\nFROM scratch\nCOPY --from=all /bin/busybox /app/sleep\nCMD [\"/app/sleep\", \"100000\"]\n";

#[test]
fn a_container_is_gone_into_and_nothing_is_left_after_a_kill() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::with(CONTAINERS, &[("bare/Dockerfile", BARE)]));
    let mut terminal = Terminal::start(&copy.0, &["up", "--runtime", "engine"], 140, 40);
    terminal.shows(&["2 ready"]);
    terminal.press("E");
    terminal.shows(&["Shell", "/bin/sh", "~ #"]);
    terminal.press("echo $((6*7)) in $(hostname)\r");
    terminal.shows(&["42 in "]);
    terminal.press(LEAVE);
    terminal.press("j");
    terminal.press("E");
    terminal.shows(&["Its image has no shell", "files are below /proc/"]);
    terminal.press("ls $ROOT/app\r");
    terminal.shows(&["sleep"]);
    let pid = terminal
        .child
        .process_id()
        .and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it is still there");
    terminal.child.wait().expect("it ends");
    let down = copy
        .0
        .boatyard(&["down"])
        .output()
        .expect("the binary starts");
    assert!(down.status.success(), "{down:?}");
    assert_eq!(left(&copy.0), [""; 0]);
}

const BUILT: &str = r#"
name = "NAME"
[services.web]
build = "web"
ports = ["PORT:8000"]
"#;

const WEB: &str = "FROM boatyard-test/busybox\nCOPY page /www/page\nCMD [\"httpd\", \"-f\", \"-p\", \"8000\", \"-h\", \"/www\"]\n";

#[test]
fn a_shell_in_a_container_ends_with_its_run_though_the_container_stays() {
    if !engine() {
        return;
    }
    let files = [("web/Dockerfile", WEB), ("web/page", "one")];
    let copy = Cleaned(Copy::with(BUILT, &files));
    let mark = format!("88{}", std::process::id());
    let mut terminal = Terminal::start(&copy.0, &["up", "--runtime", "engine"], 140, 40);
    terminal.shows(&["1 ready"]);
    terminal.press("E");
    terminal.shows(&["run #1", "#"]);
    terminal.press(&format!("sleep {mark}\r"));
    wait_until("the sleep", || {
        is_running(&format!("sleep {mark}")).then_some(())
    });
    copy.0.edit("web/page", |_| "two".into());
    copy.0.get_until("/page", |_, page| page == "two");
    // Whoever of the two is first: the helper, which ends all that is left in the container, or who hears of the run's end.
    wait_until("the end of what was inside", || {
        let text = terminal.text();
        let ends = [
            "── run #1 ended, and what was inside of it",
            "── exit code 137",
        ];
        ends.iter().any(|end| text.contains(end)).then_some(())
    });
    wait_until("its end", || {
        (!is_running(&format!("sleep {mark}"))).then_some(())
    });
    terminal.press("\r");
    terminal.press("E");
    terminal.shows(&["run #2", "#"]);
    terminal.press("cat /www/page; echo\r");
    terminal.shows(&["two"]);
    terminal.press(LEAVE);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    assert_eq!(left(&copy.0), [""; 0]);
}

#[test]
fn quitting_with_sessions_left_open_leaves_nothing() {
    if !engine() {
        return;
    }
    let copy = Cleaned(Copy::with(CONTAINERS, &[("bare/Dockerfile", BARE)]));
    let mut terminal = Terminal::start(&copy.0, &["up", "--runtime", "engine"], 100, 30);
    terminal.shows(&["2 ready"]);
    terminal.press("E");
    terminal.shows(&["/bin/sh", "#"]);
    terminal.press(LEAVE);
    terminal.press("j");
    terminal.press("E");
    terminal.shows(&["Its image has no shell", "files are below /proc/"]);
    terminal.press(LEAVE);
    terminal.shows(&["left: E returns, x ends the shell of bare"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
    let said = String::from_utf8_lossy(&terminal.raw()).into_owned();
    assert!(!said.contains("left behind"), "{said}");
    assert_eq!(left(&copy.0), [""; 0]);
}
