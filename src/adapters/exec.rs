//! Running a command inside a service, whatever the service runs as.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::ask::time_words;

/// Of each stream of a command on this machine, this much is kept.
const OUTPUT_LIMIT: u64 = 1 << 20;

/// How long output is awaited that children of the ended command still hold open.
const LEFTOVERS: Duration = Duration::from_millis(200);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Executed {
    /// Its exit code.
    pub code: i32,
    /// What it printed on stdout, bounded by whoever ran it.
    pub stdout: Vec<u8>,
    /// What it printed on stderr, bounded by whoever ran it.
    pub stderr: Vec<u8>,
}

/// A command under way. Dropping it ends the command, as far as the runtime can.
pub type Executing = Pin<Box<dyn Future<Output = Result<Executed, String>> + Send>>;

type Execute = dyn Fn(Vec<String>, Duration) -> Executing + Send + Sync;

/// Runs commands inside one run of a service: in its container, or on this machine with its folder and environment.
#[derive(Clone)]
pub struct Exec(Arc<Execute>);

impl Exec {
    /// Commands are run by this function: given the words and the time it may take, it tells the end, or in words why
    /// the command could not be run or was not done in time.
    pub fn new<F>(execute: impl Fn(Vec<String>, Duration) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Executed, String>> + Send + 'static,
    {
        Self(Arc::new(move |argv, timeout| {
            Box::pin(execute(argv, timeout))
        }))
    }

    /// Commands are run on this machine, in this folder, with these variables beside Boatyard's own. One that is not
    /// done in time, or whose future is dropped, is killed with all that it started in its process group.
    pub fn on_this_machine(folder: PathBuf, environment: Vec<(String, String)>) -> Self {
        let given = Arc::new((folder, environment));
        Self::new(move |argv, limit| {
            let given = Arc::clone(&given);
            async move {
                let (folder, environment) = &*given;
                timeout(limit, run_here(&argv, folder, environment))
                    .await
                    .unwrap_or_else(|_| Err(format!("timed out after {}", time_words(limit))))
            }
        })
    }

    /// Runs a command.
    pub fn run(&self, argv: Vec<String>, timeout: Duration) -> Executing {
        (self.0)(argv, timeout)
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exec")
    }
}

async fn run_here(
    argv: &[String],
    folder: &Path,
    environment: &[(String, String)],
) -> Result<Executed, String> {
    let (program, arguments) = argv.split_first().ok_or("it has no words")?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot run {program} in {}: {error}", folder.display()))?;
    let group = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    let group = Group(group);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async { tokio::join!(read(out, &mut stdout), read(err, &mut stderr)) };
        tokio::pin!(reading);
        tokio::select! {
            status = child.wait() => {
                drop(timeout(LEFTOVERS, &mut reading).await);
                status
            }
            // It closed its output before it ended.
            _ = &mut reading => child.wait().await,
        }
    };
    drop(group);
    let status = status.map_err(|error| error.to_string())?;
    Ok(Executed {
        code: code(status),
        stdout,
        stderr,
    })
}

/// As shells count: 128 and the number of the signal that ended it.
fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).unwrap_or(-1)
}

/// Keeps the beginning and reads the rest away, so that the command is never blocked.
async fn read(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    if let Some(mut stream) = stream {
        drop((&mut stream).take(OUTPUT_LIMIT).read_to_end(kept).await);
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    }
}

/// A process group, killed when dropped. Its number cannot be another's yet: the leader has not been waited for, or was
/// just now, and any member that is left keeps the number taken.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The error says that nothing was left to be killed.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
