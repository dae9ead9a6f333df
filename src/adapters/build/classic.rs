//! One build by the engine's classic builder: the whole context travels as a tar.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::Docker;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::failure::{Facts, explain};
use super::filesync::Ledger;
use super::lines::Lines;
use super::model::{BuildOrder, Output, Sink, Stopped, Transfer};
use super::pack::Packed;
use super::progress::LAST_LINES;
use super::tree::{Entry, EntryKind, Tree};
use crate::engine::BuildStep;

/// Has an image made and named. Dropping the future cancels the build. `strict` as with BuildKit.
pub(super) async fn build(
    docker: &Docker,
    order: &BuildOrder,
    packed: &Packed,
    strict: bool,
    sink: &Sink,
) -> Result<Transfer, Stopped> {
    let parcel = Parcel::of(packed);
    let options = options(order, &parcel.dockerfile);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (sender, chunks) = mpsc::channel(16);
    let packing = Arc::clone(&ledger);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = parcel.write(sender.clone(), &packing, strict) {
            drop(sender.blocking_send(Err(error)));
        }
    });
    let body = bollard::body_try_stream(ReceiverStream::new(chunks));
    let mut answers = Box::pin(docker.build_image(options, None, Some(body)));
    let mut report = Report::default();
    let mut error = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(info) => error = report.take(info, sink).or(error),
            Err(wrong) => error = error.or(Some(in_words(wrong))),
        }
    }
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    if strict && let Some(torn) = ledger.torn.take() {
        return Err(Stopped::Torn(torn));
    }
    match error {
        None => Ok(std::mem::take(&mut ledger.transfer)),
        Some(message) => Err(Stopped::Failed(explain(Facts {
            message: &message,
            step: report.step.as_ref().map(|step| step.name.as_str()),
            last_lines: report.tail.into(),
            bases: &packed.bases,
            syntax: None,
        }))),
    }
}

fn in_words(error: bollard::errors::Error) -> String {
    match error {
        bollard::errors::Error::DockerResponseServerError { message, .. } => message,
        bollard::errors::Error::DockerStreamError { error } => error,
        other => other.to_string(),
    }
}

fn options(order: &BuildOrder, dockerfile: &str) -> BuildImageOptions {
    let build = &order.build;
    let labels = build.labels.iter().chain(&order.labels).cloned();
    BuildImageOptions {
        dockerfile: dockerfile.to_owned(),
        t: order.tags.first().cloned(),
        nocache: order.fresh || build.no_cache,
        pull: build.pull.then(|| "true".to_owned()),
        rm: true,
        forcerm: true,
        buildargs: Some(build.args.iter().cloned().collect::<HashMap<_, _>>()),
        labels: Some(labels.collect()),
        networkmode: build.network.clone(),
        target: build.target.clone().unwrap_or_default(),
        version: BuilderVersion::BuilderV1,
        ..BuildImageOptions::default()
    }
}

/// What is sent: the context, and a Dockerfile that may lie outside of it or be excluded.
struct Parcel {
    context: Arc<Tree>,
    /// Path of the Dockerfile in the tar.
    dockerfile: String,
    /// Files that are in the tar and not in the context, by path.
    extra: Vec<(String, Vec<u8>)>,
}

impl Parcel {
    /// The engine takes the Dockerfile from the tar, so one that is not in the context is added under another name, and the
    /// engine is told by a `.dockerignore` to remove it, and that file itself, before anything is copied.
    fn of(packed: &Packed) -> Self {
        let context = Arc::clone(&packed.context);
        let inside = packed.dockerfile.strip_prefix(&context.root).ok();
        let inside = inside
            .and_then(|path| path.to_str())
            .filter(|path| context.entry(path).is_some());
        if let Some(path) = inside {
            return Self {
                dockerfile: path.to_owned(),
                context,
                extra: Vec::new(),
            };
        }
        let name = ".boatyard.dockerfile";
        let visible = context
            .entry(".dockerignore")
            .map(|entry| context.place(entry));
        let rules = match visible.map(std::fs::read) {
            Some(Ok(mut own)) => {
                own.extend_from_slice(format!("\n{name}\n").as_bytes());
                own
            }
            _ => format!(".dockerignore\n{name}\n").into_bytes(),
        };
        Self {
            context,
            dockerfile: name.to_owned(),
            extra: vec![
                (".dockerignore".into(), rules),
                (name.into(), packed.dockerfile_text.clone()),
            ],
        }
    }

    fn write(
        &self,
        sender: mpsc::Sender<io::Result<Bytes>>,
        ledger: &Mutex<Ledger>,
        strict: bool,
    ) -> io::Result<()> {
        let writer = io::BufWriter::with_capacity(256 << 10, Chunks(sender));
        let mut archive = tar::Builder::new(writer);
        for entry in &self.context.entries {
            if self.extra.iter().any(|(path, _)| *path == entry.path) {
                continue;
            }
            if let Some(torn) = self.append(&mut archive, entry, ledger)? {
                let text = format!("{} changed while it was sent", torn.display());
                ledger.lock().unwrap_or_else(PoisonError::into_inner).torn = Some(torn);
                if strict {
                    return Err(io::Error::other(text));
                }
            }
        }
        for (path, content) in &self.extra {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        archive.into_inner()?.flush()
    }

    /// Adds an entry; the file, if it is no longer the one that was walked.
    fn append(
        &self,
        archive: &mut tar::Builder<impl Write>,
        entry: &Entry,
        ledger: &Mutex<Ledger>,
    ) -> io::Result<Option<PathBuf>> {
        let mut header = header(entry);
        match &entry.kind {
            EntryKind::Folder | EntryKind::Pipe => {
                archive.append_data(&mut header, &entry.path, io::empty())?;
            }
            EntryKind::Link { target } => archive.append_link(&mut header, &entry.path, target)?,
            EntryKind::File { size, hash } => {
                let place = self.context.place(entry);
                let file = File::open(&place).ok();
                let mut content = Exactly {
                    file,
                    left: *size,
                    digest: Sha256::new(),
                    is_short: false,
                };
                archive.append_data(&mut header, &entry.path, &mut content)?;
                let sent = <[u8; 32]>::from(content.digest.clone().finalize());
                if sent != *hash || content.is_short || content.has_more() {
                    return Ok(Some(place));
                }
                let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                ledger.transfer.bytes += size;
                ledger.transfer.files.push(place);
            }
        }
        Ok(None)
    }
}

fn header(entry: &Entry) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(match entry.kind {
        EntryKind::Folder => tar::EntryType::Directory,
        EntryKind::File { .. } => tar::EntryType::Regular,
        EntryKind::Link { .. } => tar::EntryType::Symlink,
        EntryKind::Pipe => tar::EntryType::Fifo,
    });
    header.set_mode(entry.mode);
    let seconds = entry.modified.div_euclid(1_000_000_000);
    header.set_mtime(u64::try_from(seconds).unwrap_or_default());
    header.set_size(match entry.kind {
        EntryKind::File { size, .. } => size,
        _ => 0,
    });
    header
}

/// Exactly as many bytes of a file as its header has promised, filled up with zeros where it has become shorter.
struct Exactly {
    file: Option<File>,
    left: u64,
    digest: Sha256,
    is_short: bool,
}

impl Exactly {
    fn has_more(&mut self) -> bool {
        let mut one = [0];
        let more = self.file.as_mut().map(|file| file.read(&mut one));
        !matches!(more, Some(Ok(0)))
    }
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = &mut buffer[..wanted];
        let mut count = match &mut self.file {
            Some(file) => file.read(buffer)?,
            None => 0,
        };
        if count == 0 && wanted > 0 {
            self.is_short = true;
            buffer.fill(0);
            count = wanted;
        }
        self.digest.update(&buffer[..count]);
        self.left -= count as u64;
        Ok(count)
    }
}

/// Hands what is written to a channel.
struct Chunks(mpsc::Sender<io::Result<Bytes>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = Bytes::copy_from_slice(bytes);
        let sent = self.0.blocking_send(Ok(chunk));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the classic builder says, as steps and lines.
#[derive(Default)]
struct Report {
    lines: Lines,
    step: Option<BuildStep>,
    tail: VecDeque<String>,
}

impl Report {
    /// Takes one answer; the reason, if it says that the build has failed.
    fn take(&mut self, info: BuildInfo, sink: &Sink) -> Option<String> {
        let stream = info.stream.unwrap_or_default();
        let mut lines = self.lines.push(own_colours(&stream).as_bytes());
        if let Some(status) = info.status.filter(|_| info.progress_detail.is_none()) {
            let id = info.id.map(|id| format!("{id}: ")).unwrap_or_default();
            lines.push(format!("{id}{status}").into_bytes());
        }
        for bytes in lines {
            self.line(bytes, sink);
        }
        let error = info.error_detail?;
        if let Some(bytes) = self.lines.finish() {
            self.line(bytes, sink);
        }
        Some(
            error
                .message
                .unwrap_or_else(|| "the builder gave no reason".into()),
        )
    }

    fn line(&mut self, bytes: Vec<u8>, sink: &Sink) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(step) = step(&text) {
            self.tail.clear();
            self.step = Some(step.clone());
            let heading = format!("[{}/{}] {}", step.number, step.total, step.name);
            sink(Output::Step(step));
            sink(Output::Line {
                at: Timestamp::now(),
                bytes: heading.into_bytes(),
            });
            return;
        }
        if text.trim() == "---> Using cache"
            && let Some(step) = &mut self.step
        {
            step.cached = true;
            sink(Output::Step(step.clone()));
        }
        // The ids of its intermediate images and containers say nothing to anybody.
        let is_noise =
            text.starts_with(" ---> ") || text.starts_with("Removing intermediate container");
        if is_noise || text.trim().is_empty() {
            return;
        }
        if self.tail.len() == LAST_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(text);
        sink(Output::Line {
            at: Timestamp::now(),
            bytes,
        });
    }
}

/// A chunk without the red that the builder itself puts around standard error.
fn own_colours(chunk: &str) -> &str {
    let inside = chunk.strip_prefix("\u{1b}[91m");
    inside
        .and_then(|chunk| chunk.strip_suffix("\u{1b}[0m"))
        .unwrap_or(chunk)
}

/// `Step 3/7 : RUN make`
fn step(text: &str) -> Option<BuildStep> {
    let (count, name) = text
        .strip_prefix("Step ")
        .or_else(|| text.strip_prefix("STEP "))?
        .split_once(':')?;
    let (number, total) = count.trim().split_once('/')?;
    Some(BuildStep {
        number: number.parse().ok()?,
        total: total.parse().ok()?,
        name: name.trim().to_owned(),
        cached: false,
    })
}
