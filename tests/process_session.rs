//! What a session leaves when it is killed: nothing that lives, a lock that is free, and a ledger that the next one reads.
#![expect(clippy::unwrap_used, reason = "a failure fails the test that asked")]
#![expect(
    clippy::print_stdout,
    reason = "the played session speaks to the test that started it"
)]

mod process_kit;
#[path = "support/until.rs"]
mod until;

use std::fs;
use std::io::{self, BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use boatyard::adapters::Identity;
use boatyard::adapters::state::{LockRefused, SessionLock, mark, proc, sweep};
use process_kit::{Bench, alive, kill_9};
use until::until;

const ROLE: &str = "BOATYARD_TEST_ROLE";
const FOLDER: &str = "BOATYARD_TEST_FOLDER";

/// A session in a process of its own: this very test program, told to play it.
struct Session {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Session {
    fn play(role: &str, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "play_a_session",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The rest of the next line that begins so.
    fn says(&mut self, begin: &str) -> String {
        loop {
            let line = self.lines.next().expect("it goes on").unwrap();
            if let Some((_, rest)) = line.split_once(begin) {
                return rest.to_owned();
            }
        }
    }

    fn kill_9(mut self) {
        kill_9(self.child.id());
        self.child.wait().unwrap();
    }
}

fn identity(folder: &Path) -> Identity {
    Identity::new("session-test", folder, format!("{}-7", std::process::id()))
}

/// Does nothing unless a test below started this program to play a session.
#[tokio::test(flavor = "multi_thread")]
async fn play_a_session() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let folder = std::env::var_os(FOLDER).unwrap();
    let identity = identity(folder.as_ref());
    let _lock = SessionLock::acquire(&identity).unwrap();
    println!("\nsession locked");
    if role == "run" {
        let mut bench = Bench::for_identity(folder.as_ref(), identity);
        let run = bench.start(
            "sleep 1001 & echo pid $!; \
             (setsid sh -c 'trap \"\" TERM HUP; echo pid $$; while :; do sleep 1002; done' &); \
             (setsid sh -c 'echo pid $$; while :; do sleep 1003; done' &); wait",
        );
        let (program, _) = bench.started(run).await;
        let mut pids = bench.pids(run, 3).await;
        pids.push(program);
        pids.push(process_kit::parent_of(program));
        println!("\nsession runs {pids:?}");
    }
    std::future::pending::<()>().await;
}

fn numbers(list: &str) -> Vec<u32> {
    let list = list.trim_matches(|c: char| !c.is_ascii_digit());
    list.split(", ").map(|pid| pid.parse().unwrap()).collect()
}

/// Removes a folder in which somebody who ends at this moment may be removing files too.
fn remove(folder: &Path) {
    while folder.exists() {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_session_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        let mut session = Session::play("run", folder.path());
        let pids = numbers(&session.says("session runs "));
        assert_eq!(pids.len(), 5);
        assert!(pids.iter().all(|pid| alive(*pid)));
        session.kill_9();
        until("the whole tree is gone", || {
            !pids.iter().any(|pid| alive(*pid))
        })
        .await;
    }
    let next = identity(folder.path());
    assert_eq!(sweep(&next), Vec::<String>::new());
    remove(&next.state_folder());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_session_that_is_killed_while_it_starts_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let next = identity(folder.path());
    let marks = || {
        let whole = mark(&next, 1);
        let stack = whole.split('/').next().unwrap().to_owned();
        let pids = proc::all_pids().into_iter();
        pids.filter_map(|pid| proc::environment(pid, "BOATYARD_RUN"))
            .filter(|mark| mark.starts_with(&stack))
            .count()
    };
    for millis in 0..12 {
        let mut session = Session::play("run", folder.path());
        session.says("session locked");
        std::thread::sleep(Duration::from_millis(millis));
        session.kill_9();
        until("nothing carries the mark", || marks() == 0).await;
    }
    assert_eq!(sweep(&next), Vec::<String>::new());
    remove(&next.state_folder());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_even_the_shim_is_swept_by_the_next_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::play("run", folder.path());
    let pids = numbers(&session.says("session runs "));
    let shim = *pids.last().unwrap();
    // A stopped session cannot clean up after its shim.
    process_kit::stop(session.child.id());
    kill_9(shim);
    session.kill_9();
    until("the shim is gone", || !alive(shim)).await;
    let lives = |pid: &u32| alive(*pid);
    assert!(pids.iter().any(lives), "nobody is left to clean up");
    let next = identity(folder.path());
    let _lock = SessionLock::acquire(&next).unwrap();
    let said = sweep(&next);
    assert!(said.iter().any(|line| line.contains("run #1")), "{said:?}");
    let left: Vec<&u32> = pids.iter().filter(|pid| alive(**pid)).collect();
    assert!(
        left.is_empty(),
        "{left:?} of {pids:?} survived; said {said:?}"
    );
    assert_eq!(sweep(&next), Vec::<String>::new());
    remove(&next.state_folder());
}

#[test]
fn a_second_session_is_refused_and_told_who_has_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let mut session = Session::play("lock", folder.path());
    session.says("session locked");
    let own = identity(folder.path());
    let Err(LockRefused::Held(held)) = SessionLock::acquire(&own) else {
        panic!("the lock was given twice");
    };
    assert_eq!(held.pid, session.child.id());
    assert_eq!(held.stack, "session-test");
    let said = LockRefused::Held(held).to_string();
    let begin = format!(
        "stack session-test is already run by pid {} (`",
        session.child.id()
    );
    assert!(said.starts_with(&begin), "{said}");
    assert!(said.contains("play_a_session"), "{said}");
    session.kill_9();
    let first = SessionLock::acquire(&own).expect("a dead session holds nothing");
    drop(first);
    SessionLock::acquire(&own).expect("a lock that was dropped is free");
    fs::remove_dir_all(own.state_folder()).unwrap();
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let own = identity(folder.path());
    fs::create_dir_all(own.state_folder().parent().unwrap()).unwrap();
    fs::write(own.state_folder(), "in the way").unwrap();
    let said = SessionLock::acquire(&own).unwrap_err().to_string();
    fs::remove_file(own.state_folder()).unwrap();
    assert!(said.contains("XDG_STATE_HOME"), "{said}");
    assert!(
        said.contains(&own.state_folder().display().to_string()),
        "{said}"
    );
}

/// A process of nobody's, which ends with the test.
struct Foreigner(Child);

impl Foreigner {
    fn start(environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new("sleep");
        command.arg("1004").envs(environment.iter().copied());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Foreigner {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_sweep_kills_only_what_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let own = identity(folder.path());
    let mut dead = own.clone();
    dead.session = "1-1".into();
    let other_stack = Identity::new("other", folder.path(), "1-1".into());
    let recorded = Foreigner::start(&[]);
    let recycled = Foreigner::start(&[]);
    let marked = Foreigner::start(&[("BOATYARD_RUN", &mark(&dead, 4))]);
    let of_this_session = Foreigner::start(&[("BOATYARD_RUN", &mark(&own, 4))]);
    let of_other_stack = Foreigner::start(&[("BOATYARD_RUN", &mark(&other_stack, 4))]);
    let stranger = Foreigner::start(&[("BOATYARD_RUN", "x")]);
    let start = |foreigner: &Foreigner| proc::ProcStat::read(foreigner.0.id()).unwrap().start;
    let write = |boot: &str| {
        let ledger = serde_json::json!({ "boot": boot, "session": "1-1", "entries": [
            { "pid": recorded.0.id(), "start": start(&recorded), "run": 1, "service": "web", "what": "sleep" },
            { "pid": recycled.0.id(), "start": start(&recycled) - 1, "run": 2, "service": "web", "what": "sleep" },
            { "pid": 1, "start": 0, "run": 3, "service": "web", "what": "init" },
            { "pid": std::process::id(), "start": proc::ProcStat::read(std::process::id()).unwrap().start,
              "run": 3, "service": "web", "what": "this test" },
        ]});
        fs::create_dir_all(own.state_folder()).unwrap();
        fs::write(
            own.state_folder().join("processes.json"),
            ledger.to_string(),
        )
        .unwrap();
    };
    write("another start of the machine");
    let said = sweep(&own);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(alive(recorded.0.id()) && !alive(marked.0.id()));
    write(&proc::boot_id());
    let said = sweep(&own);
    assert_eq!(
        said,
        [format!(
            "killed pid {} (sleep 1004) of web, run #1",
            recorded.0.id()
        )]
    );
    assert!(!alive(recorded.0.id()));
    for survivor in [&recycled, &of_this_session, &of_other_stack, &stranger] {
        assert!(alive(survivor.0.id()));
    }
    fs::write(own.state_folder().join("processes.json"), "{ half a").unwrap();
    assert_eq!(
        sweep(&own),
        Vec::<String>::new(),
        "a broken record harms nobody"
    );
    fs::remove_dir_all(own.state_folder()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_names_what_runs_and_forgets_what_ended() {
    let mut bench = Bench::new();
    let run = bench.start("sleep 1000");
    let (program, _) = bench.started(run).await;
    let read = || fs::read_to_string(bench.identity.state_folder().join("processes.json")).unwrap();
    assert!(
        read().contains(&format!("\"pid\": {program}")),
        "{}",
        read()
    );
    assert!(read().contains(&format!("\"pid\": {}", process_kit::parent_of(program))));
    bench.processes.stop(run, Duration::from_secs(5));
    bench.exit(run).await;
    let read = || fs::read_to_string(bench.identity.state_folder().join("processes.json")).unwrap();
    assert!(read().contains("\"entries\": []"), "{}", read());
}
