//! After a break: what was missed is read from the engine's log, and then the output is attached to again.
//!
//! The seam at the beginning is exact because bytes are counted: the log is read since a moment of silence, and as many bytes
//! of each stream are left out as have come since. The seam at the end is exact because it is made only where both sides
//! were seen to carry the same lines and then fell silent.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::io::AsyncReadExt;

use super::find::ContainerEngine;
use super::frames::{Demux, index};
use super::sink::Sink;
use crate::adapters::endpoint::{Attached, RawStream, refusal};
use crate::telemetry::Stream;

/// Silence after which the log is believed to have told everything: far longer than the engine needs to write a line.
const QUIET: Duration = Duration::from_millis(200);

/// How much may come while both sides are compared, before the comparison is given up until the next silence.
const COMPARED: usize = 4 << 20;

/// Which container's log is read.
pub(super) struct Log {
    pub(super) engine: ContainerEngine,
    pub(super) id: String,
    pub(super) tty: bool,
}

/// An attached stream that goes on exactly where the log has come to.
pub(super) struct Joined {
    pub(super) stream: RawStream,
    pub(super) demux: Demux,
    /// What came after the last whole line that the log had too.
    pub(super) unfinished: Vec<(Stream, Vec<u8>)>,
}

/// Attaches to both outputs. Before the start of the program, so that its first line is not lost.
pub(super) async fn attach(engine: &ContainerEngine, id: &str) -> io::Result<Attached> {
    let path = engine.path(&format!(
        "/containers/{id}/attach?stream=1&stdout=1&stderr=1"
    ));
    engine.endpoint().attach(&path).await
}

/// Reads the log into the sink. Without `follow`, to its present end. With it, until the program ends, or until an attached
/// stream can take over.
pub(super) async fn rejoin(
    log: &Log,
    follow: bool,
    sink: &mut Sink,
    moved: &AtomicU64,
) -> io::Result<Option<Joined>> {
    let mut source = match Source::open(log, follow, sink).await? {
        Ok(source) => source,
        Err(refused) => return without_log(log, follow, sink, &refused).await,
    };
    let mut attached: Option<Compared> = None;
    let mut buffer = vec![0; 64 << 10];
    // Whether there is something to be done at the next silence.
    let mut undecided = follow;
    let mut may_attach = follow;
    loop {
        let step = tokio::select! {
            chunk = source.next() => Step::Log(chunk?),
            count = read(attached.as_mut(), &mut buffer) => Step::Attached(count),
            () = tokio::time::sleep(QUIET), if undecided => Step::Quiet,
        };
        undecided = may_attach;
        match step {
            Step::Log(None) => return Ok(None),
            Step::Log(Some(chunk)) => {
                moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                source.pour(&chunk, sink, attached.as_mut());
            }
            // The program has ended or closed its outputs: the log tells the rest.
            Step::Attached(0) => (attached, may_attach) = (None, false),
            Step::Attached(count) => {
                if let Some(attached) = &mut attached {
                    attached.take(&buffer[..count]);
                }
            }
            Step::Quiet => match attached.take() {
                None => {
                    attached = Compared::begin(log).await;
                    may_attach = attached.is_some();
                }
                Some(compared) if compared.said.agrees() => return Ok(Some(compared.join())),
                Some(compared) if compared.said.nothing() => {
                    attached = Some(compared);
                    undecided = false;
                }
                // They differ: the log lacks something, or the stream began within a line. At the next silence, again.
                Some(_) => {}
            },
        }
        attached = attached.filter(|compared| !compared.said.too_much());
    }
}

/// The engine keeps no log that could be read (a log driver like `none`): what came in the gap is lost, which is said.
async fn without_log(
    log: &Log,
    follow: bool,
    sink: &mut Sink,
    refused: &io::Error,
) -> io::Result<Option<Joined>> {
    sink.say(&format!(
        "output was lost while the engine was away, and its log cannot be read: {refused}"
    ));
    if !follow {
        return Ok(None);
    }
    let Some(attached) = Compared::begin(log).await else {
        return Err(io::Error::other(
            "neither the log nor the output can be read",
        ));
    };
    Ok(Some(attached.join_all()))
}

enum Step {
    Log(Option<Bytes>),
    Attached(usize),
    Quiet,
}

/// A broken stream is like one that has ended: the log says more.
async fn read(attached: Option<&mut Compared>, buffer: &mut [u8]) -> usize {
    match attached {
        Some(attached) => attached.stream.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// The log as it comes.
struct Source {
    body: Incoming,
    demux: Demux,
    stamp: Option<Stamp>,
    skip: [u64; 2],
}

impl Source {
    /// Asks for the log since the sink's last checkpoint. The engine stamps each message of a container without a terminal,
    /// so those keep their true time.
    ///
    /// The inner error is the engine's refusal, the outer one a broken connection.
    async fn open(log: &Log, follow: bool, sink: &Sink) -> io::Result<io::Result<Self>> {
        let position = sink.position();
        let since = position.since.map_or_else(String::new, since);
        let path = log.engine.path(&format!(
            "/containers/{}/logs?stdout=1&stderr=1&follow={}&timestamps={}{since}",
            log.id,
            u8::from(follow),
            u8::from(!log.tty)
        ));
        let response = log
            .engine
            .endpoint()
            .request(Method::GET, &path, &[])
            .await?;
        let status = response.status();
        if !status.is_success() {
            return Ok(Err(refusal(status, response).await));
        }
        Ok(Ok(Self {
            body: response.into_body(),
            demux: Demux::new(log.tty),
            stamp: (!log.tty).then(Stamp::default),
            skip: position.bytes,
        }))
    }

    /// The next piece; dropping the future loses nothing.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self
                .body
                .frame()
                .await
                .transpose()
                .map_err(io::Error::other)?
            {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Takes a piece apart: times off, what is known already left out, the rest to the sink and the comparison.
    fn pour(&mut self, chunk: &[u8], sink: &mut Sink, mut compared: Option<&mut Compared>) {
        let now = Timestamp::now();
        let Self {
            demux, stamp, skip, ..
        } = self;
        demux.feed(chunk, |stream, begins, piece| {
            let (at, piece) = match stamp {
                Some(stamp) => {
                    let piece = stamp.strip(begins, piece);
                    (stamp.at.unwrap_or(now), piece)
                }
                None => (now, piece),
            };
            let left_out = &mut skip[index(stream)];
            let known =
                usize::try_from(*left_out).map_or(piece.len(), |left| left.min(piece.len()));
            *left_out -= known as u64;
            let new = &piece[known..];
            if !new.is_empty() {
                sink.take(stream, new, at);
                if let Some(compared) = &mut compared {
                    compared.said.logged[index(stream)].extend_from_slice(new);
                }
            }
        });
        sink.commit();
        sink.forget_silence();
    }
}

fn since(since: Timestamp) -> String {
    let nanoseconds = since.as_nanosecond();
    let (seconds, rest) = (
        nanoseconds.div_euclid(1_000_000_000),
        nanoseconds.rem_euclid(1_000_000_000),
    );
    format!("&since={seconds}.{rest:09}")
}

/// An attached stream beside the log.
struct Compared {
    stream: RawStream,
    demux: Demux,
    said: Said,
}

/// What the stream and the log have said, each of stdout and stderr, since the stream was attached.
#[derive(Debug, Default)]
struct Said {
    attached: [Vec<u8>; 2],
    logged: [Vec<u8>; 2],
}

impl Compared {
    /// Attaches beside the log; `None` when the engine will not have it.
    async fn begin(log: &Log) -> Option<Self> {
        let source = attach(&log.engine, &log.id).await.ok()?;
        let mut compared = Self {
            stream: source.stream,
            demux: Demux::new(log.tty),
            said: Said::default(),
        };
        compared.take(&source.early);
        Some(compared)
    }

    fn take(&mut self, chunk: &[u8]) {
        let attached = &mut self.said.attached;
        self.demux.feed(chunk, |stream, _, bytes| {
            attached[index(stream)].extend_from_slice(bytes);
        });
    }

    /// Goes on with everything that was attached to.
    fn join_all(self) -> Joined {
        let [out, err] = self.said.attached;
        Joined {
            stream: self.stream,
            demux: self.demux,
            unfinished: vec![(Stream::Stdout, out), (Stream::Stderr, err)],
        }
    }

    /// Goes on after the last whole line, which the log has told already.
    fn join(self) -> Joined {
        let [out, err] = self.said.attached;
        let rest = |stream, bytes: Vec<u8>| {
            let whole = whole_lines(&bytes).len();
            (stream, bytes[whole..].to_vec())
        };
        Joined {
            stream: self.stream,
            demux: self.demux,
            unfinished: vec![rest(Stream::Stdout, out), rest(Stream::Stderr, err)],
        }
    }
}

impl Said {
    /// Neither has said anything yet.
    fn nothing(&self) -> bool {
        self.attached.iter().chain(&self.logged).all(Vec::is_empty)
    }

    fn too_much(&self) -> bool {
        let all = self.attached.iter().chain(&self.logged);
        all.map(Vec::len).sum::<usize>() > COMPARED
    }

    /// Whether the log ends, on each stream, with the whole lines that were attached to, and there is at least one. Then the
    /// log has told all that came before them, and the stream tells all that comes after.
    fn agrees(&self) -> bool {
        let same = |at: usize| {
            let (attached, logged) = (&self.attached[at], &self.logged[at]);
            let whole = whole_lines(attached);
            if attached.is_empty() {
                logged.is_empty()
            } else {
                !whole.is_empty() && logged.ends_with(whole)
            }
        };
        !self.attached.iter().all(Vec::is_empty) && same(0) && same(1)
    }
}

/// Up to the last line end.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    &bytes[..end.map_or(0, |end| end + 1)]
}

/// The time that stands in front of each message: `2026-01-02T03:04:05.000000006Z `.
#[derive(Debug, Default)]
struct Stamp {
    text: Option<Vec<u8>>,
    at: Option<Timestamp>,
}

impl Stamp {
    /// What follows the time in this piece; `begins` says that a message begins with it.
    fn strip<'a>(&mut self, begins: bool, piece: &'a [u8]) -> &'a [u8] {
        if begins {
            self.text = Some(Vec::new());
        }
        let Some(text) = &mut self.text else {
            return piece;
        };
        let end = piece.iter().position(|byte| *byte == b' ');
        text.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        let Some(end) = end else {
            return &[];
        };
        self.at = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        self.text = None;
        &piece[end + 1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_takes_over_only_where_both_said_the_same() {
        // Attached stdout and stderr, logged stdout and stderr.
        for (why, said, expected) in [
            ("nothing yet", ["", "", "", ""], false),
            ("the same line", ["a\n", "", "a\n", ""], true),
            ("the stream has a line begun", ["a\nb", "", "a\n", ""], true),
            (
                "the log tells of before, too",
                ["a\n", "", "z\na\n", ""],
                true,
            ),
            (
                "the log completes a line from before",
                ["rt\n", "", "start\n", ""],
                true,
            ),
            ("the log is behind", ["a\nb\n", "", "a\n", ""], false),
            ("the log is ahead", ["a\n", "", "a\nb\n", ""], false),
            ("only a line begun", ["a", "", "", ""], false),
            (
                "the other stream said something to the log alone",
                ["a\n", "", "a\n", "e\n"],
                false,
            ),
            (
                "the other stream has a line begun",
                ["a\n", "e", "a\n", ""],
                false,
            ),
            ("both streams", ["a\n", "e\n", "a\n", "e\n"], true),
        ] {
            let [out, err, logged_out, logged_err] = said.map(|text| text.as_bytes().to_vec());
            let said = Said {
                attached: [out, err],
                logged: [logged_out, logged_err],
            };
            assert_eq!(said.agrees(), expected, "{why}");
        }
    }

    #[test]
    fn times_are_taken_off_wherever_a_message_is_cut() {
        let message = b"2026-01-02T03:04:05.000000006Z a line of its own\n";
        for cut in 0..message.len() {
            let mut stamp = Stamp::default();
            let (head, tail) = message.split_at(cut);
            let mut found = stamp.strip(true, head).to_vec();
            found.extend_from_slice(stamp.strip(false, tail));
            assert_eq!(found, b"a line of its own\n", "cut at {cut}");
            assert_eq!(stamp.at.map(Timestamp::subsec_nanosecond), Some(6));
        }
    }

    #[test]
    fn a_time_is_asked_for_in_nanoseconds() {
        let at: Timestamp = "1970-01-01T00:00:07.000000005Z".parse().unwrap();
        assert_eq!(since(at), "&since=7.000000005");
    }
}
