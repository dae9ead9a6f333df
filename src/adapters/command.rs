//! A command run on this machine, with all that it starts ended when it is.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::Executed;

/// Of each stream, this much is kept.
const OUTPUT_LIMIT: u64 = 1 << 20;

/// How long output is awaited that children of the ended command still hold open.
const LEFTOVERS: Duration = Duration::from_millis(200);

/// Runs a command to its end, in this folder and with this environment beside Boatyard's own. Dropping the future kills it
/// and all that it started in its process group.
pub async fn run_here(
    argv: Vec<String>,
    directory: &Path,
    environment: Vec<(String, String)>,
) -> Result<Executed, String> {
    let (program, arguments) = argv.split_first().ok_or("it has no words")?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
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
fn code(status: std::process::ExitStatus) -> i32 {
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
