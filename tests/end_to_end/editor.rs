//! From a line to the person's own editor, which has the terminal meanwhile.

use super::shop::{Copy, wait_until};
use super::terminal::Terminal;

/// To the logs, to the line, and into the editor.
const OPEN: &str = "2/oh:\r\x05";
const PROCESS: [&str; 3] = ["up", "--runtime", "process"];

/// Says a line every tenth of a second, the last of which names a place.
const TALKS: &str = r#"
name = "NAME"
[services.talks]
run = "exec sh talk.sh"
"#;
const TALK: &str = "echo 'oh: talk.sh:2:6 is wrong'\nn=0\nwhile :; do n=$((n+1)); echo $n >../count; sleep 0.1; done\n";

/// An editor that tells what it was given, stays until it reads `done`, and minds no Ctrl-C.
const EDITOR: &str = "#!/bin/sh
trap 'echo interrupted' INT
echo \"editing $* at $(stty size)\"
(ls -l \"$2\"; cat \"$2\") >\"$TMPDIR/../given\"
while :; do read -r word || continue
  case $word in done) exit 0 ;; fail) exit 7 ;; size) echo \"size $(stty size)\" ;; *) echo \"read $word\" ;; esac
done
";

struct Desk {
    copy: Copy,
    terminal: Terminal,
}

impl Desk {
    fn new(columns: u16, rows: u16) -> Self {
        let copy = Copy::with(TALKS, &[("talk.sh", TALK), ("vim", EDITOR)]);
        let editor = copy.directory().join("vim").display().to_string();
        make_executable(&editor);
        let terminal = Terminal::with(
            &copy,
            &PROCESS,
            (columns, rows),
            &[("VISUAL", &format!("'{editor}'")), ("TMPDIR", &temp(&copy))],
        );
        terminal.shows(&["1 ready", "talk.sh:2:6"]);
        Self { copy, terminal }
    }

    fn count(&self) -> u32 {
        let text = std::fs::read_to_string(outside(&self.copy, "count"));
        text.ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0)
    }

    fn given(&self) -> String {
        std::fs::read_to_string(outside(&self.copy, "given")).unwrap_or_default()
    }
}

/// A path beside the stack's folder: what is written there restarts nothing.
fn outside(copy: &Copy, name: &str) -> std::path::PathBuf {
    let folder = copy.directory();
    folder.parent().expect("a folder has one").join(name)
}

fn temp(copy: &Copy) -> String {
    let folder = outside(copy, "tmp");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.display().to_string()
}

fn make_executable(path: &str) {
    use std::os::unix::fs::PermissionsExt;
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, all).expect("it is there");
}

#[test]
fn the_editor_has_the_terminal_while_the_stack_goes_on() {
    let mut desk = Desk::new(100, 30);
    let terminal = &mut desk.terminal;
    terminal.press(OPEN);
    let place = desk.copy.directory().join("talk.sh");
    let place = place.display().to_string();
    terminal.shows(&["editing +2 ", "at 30 100"]);
    assert!(terminal.text().replace('\n', "").contains(&place));
    assert!(!terminal.is_alternate(), "the terminal was given back");
    // Letters that mean something to the workbench, and Ctrl-C, are the editor's; so are its questions to the terminal.
    terminal.press("q\r");
    terminal.shows(&["read q"]);
    terminal.press("\x03");
    terminal.shows(&["interrupted"]);
    terminal.resize(90, 24);
    terminal.press("size\r");
    terminal.shows(&["size 24 90"]);
    let before = std::fs::read_to_string(outside(&desk.copy, "count"));
    wait_until("the service to go on", || {
        let now = std::fs::read_to_string(outside(&desk.copy, "count"));
        (now.ok() != before.as_ref().ok().cloned()).then_some(())
    });
    terminal.press("done\r");
    terminal.shows(&["Services", "Logs  talks", "1 ready"]);
    terminal.hides("editing");
    assert!(terminal.is_alternate());
    terminal.press("?");
    terminal.shows(&["Keys that work here"]);
    terminal.press("\x1b");
    terminal.hides("Keys that work here");
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}

#[test]
fn lines_that_name_no_file_are_written_down_for_the_editor_and_gone_after_it() {
    let mut desk = Desk::new(120, 30);
    desk.copy.edit("talk.sh", |text| {
        text.replace("talk.sh:2:6 is wrong", "nothing is wrong")
    });
    desk.terminal.shows(&["oh: nothing is wrong"]);
    assert!(desk.count() > 0);
    desk.terminal.press(OPEN);
    desk.terminal.shows(&["editing +", "boatyard-lines-"]);
    wait_until("what it was given", || {
        desk.given().contains("oh: nothing is wrong").then_some(())
    });
    assert!(desk.given().starts_with("-rw-------"), "{}", desk.given());
    let folder = temp(&desk.copy);
    let written = || std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(written(), 1);
    desk.terminal.press("fail\r");
    desk.terminal.shows(&["vim ended with exit code 7"]);
    assert_eq!(written(), 0);
    desk.terminal.press("q");
    assert_eq!(desk.terminal.ended(), 0);
}

#[test]
fn an_editor_that_is_not_there_is_told_and_one_that_is_open_at_the_end_is_ended() {
    let mut desk = Desk::new(120, 30);
    desk.terminal.press(OPEN);
    desk.terminal.shows(&["editing +2"]);
    let pid = desk
        .terminal
        .child
        .process_id()
        .and_then(|pid| i32::try_from(pid).ok());
    let pid = pid
        .and_then(rustix::process::Pid::from_raw)
        .expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
    assert_eq!(desk.terminal.ended(), 143);

    let copy = Copy::with(TALKS, &[("talk.sh", TALK)]);
    let environment = [("VISUAL", "/nowhere/emacs -nw")];
    let mut terminal = Terminal::with(&copy, &PROCESS, (140, 30), &environment);
    terminal.shows(&["1 ready", "talk.sh:2:6"]);
    terminal.press(OPEN);
    terminal.shows(&["/nowhere/emacs cannot be started", "Logs  talks"]);
    terminal.press("q");
    assert_eq!(terminal.ended(), 0);
}
