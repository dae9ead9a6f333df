//! File sync: the builder is told what the context looks like and asks for the files that it does not have.
//!
//! The packets are fsutil's (`tonistiigi/fsutil`, `send.go`): a STAT for each entry and an empty one at the end, numbered
//! from 0 in the order sent; the builder answers REQ with such a number and gets DATA packets, the last one empty; FIN is
//! answered by FIN. The builder takes a file for unchanged when size, mode and time are those it knows.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSync;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::model::Transfer;
use super::select::{Selection, select};
use super::tree::{Entry, EntryKind, Tree};

/// Serves the two folders that a Dockerfile build asks for: `context` and `dockerfile`.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The context as it was walked.
    pub context: Arc<Tree>,
    /// The folder of the Dockerfile as the builder is shown it.
    pub recipe: Arc<Recipe>,
    /// What was sent, and whether a file changed under our hands.
    pub ledger: Arc<Mutex<Ledger>>,
    /// A file that changed under our hands ends the transfer; otherwise it is sent as it is now.
    pub strict: bool,
}

/// The Dockerfile and nothing else, held in memory: what is built is what was read when the build began.
#[derive(Debug, Default)]
pub(super) struct Recipe {
    tree: Arc<Tree>,
    contents: BTreeMap<String, Vec<u8>>,
}

impl Recipe {
    /// A Dockerfile of this name and text. Beside it lies an ignore file of its own without any pattern: our walk has
    /// applied the ignore rules, and a builder that finds this file asks for no other, which saves it a whole transfer.
    pub(super) fn new(name: &str, text: &[u8]) -> Self {
        let rules = b"# The ignore rules have been applied to what is sent.\n";
        let contents = BTreeMap::from([
            (name.to_owned(), text.to_vec()),
            (format!("{name}.dockerignore"), rules.to_vec()),
        ]);
        let entries = contents.iter().map(|(path, content)| Entry {
            path: path.clone(),
            kind: EntryKind::File {
                size: content.len() as u64,
                hash: Sha256::digest(content).into(),
            },
            mode: 0o644,
            modified: 0,
        });
        let tree = Tree {
            entries: entries.collect(),
            ..Tree::default()
        };
        Self {
            tree: Arc::new(tree),
            contents,
        }
    }
}

/// What was sent so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Contents sent from the context.
    pub transfer: Transfer,
    /// A file whose content was no longer the one that was announced.
    pub torn: Option<PathBuf>,
}

/// Size of a DATA packet's content.
const CHUNK: usize = 32 << 10;

#[async_trait]
impl FileSync for Files {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let folder = header(request.metadata(), "dir-name");
        let folder = folder.first().map_or("", String::as_str);
        let selection = Selection {
            include: header(request.metadata(), "include-patterns"),
            exclude: header(request.metadata(), "exclude-patterns"),
            follow: header(request.metadata(), "followpaths"),
        };
        let tree = match folder {
            "dockerfile" => Arc::clone(&self.recipe.tree),
            // See [`Recipe::new`].
            "context" if selection.follow == [".dockerignore"] => Arc::default(),
            "context" => Arc::clone(&self.context),
            other => return Err(Status::not_found(format!("no folder {other:?} here"))),
        };
        let (packets, answer) = mpsc::channel(64);
        let wishes = listen(request.into_inner());
        let sending = Sending {
            recipe: (folder == "dockerfile").then(|| Arc::clone(&self.recipe)),
            tree,
            packets,
            ledger: Arc::clone(&self.ledger),
            strict: self.strict,
        };
        tokio::task::spawn_blocking(move || sending.run(&selection, wishes));
        Ok(Response::new(ReceiverStream::new(answer)))
    }

    async fn tar_stream(
        &self,
        _request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("only DiffCopy is spoken here"))
    }
}

/// What the builder wishes, as it comes: read at once, so that it never waits for us to finish a file.
fn listen(mut stream: Streaming<Packet>) -> mpsc::UnboundedReceiver<Packet> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(Some(packet)) = stream.message().await {
            if sender.send(packet).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Sending {
    tree: Arc<Tree>,
    /// Contents that are in memory, not on disk.
    recipe: Option<Arc<Recipe>>,
    packets: mpsc::Sender<Result<Packet, Status>>,
    ledger: Arc<Mutex<Ledger>>,
    strict: bool,
}

/// The builder has gone away; there is nobody to tell.
struct Gone;

impl Sending {
    fn run(self, selection: &Selection, mut wishes: mpsc::UnboundedReceiver<Packet>) {
        let tree = Arc::clone(&self.tree);
        let entries = select(&tree, selection);
        if self.announce(&entries).is_err() {
            return;
        }
        let mut open: HashMap<u32, &Entry> = (0..).zip(entries).collect();
        while let Some(wish) = wishes.blocking_recv() {
            let done = match wish.r#type() {
                PacketType::PacketReq => match open.remove(&wish.id) {
                    Some(entry) => match &self.recipe {
                        Some(recipe) => self.send_from_memory(wish.id, recipe, entry),
                        None => self.send_from_disk(wish.id, entry),
                    },
                    None => self.fail(format!("nothing has the number {}", wish.id)),
                },
                PacketType::PacketFin => {
                    drop(self.send(packet(PacketType::PacketFin, 0, Vec::new())));
                    return;
                }
                PacketType::PacketErr => return,
                PacketType::PacketStat | PacketType::PacketData => Ok(()),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn announce(&self, entries: &[&Entry]) -> Result<(), Gone> {
        for entry in entries {
            self.send(Packet {
                stat: Some(stat(entry)),
                ..packet(PacketType::PacketStat, 0, Vec::new())
            })?;
        }
        self.send(packet(PacketType::PacketStat, 0, Vec::new()))
    }

    fn send_from_memory(&self, id: u32, recipe: &Recipe, entry: &Entry) -> Result<(), Gone> {
        let content = recipe
            .contents
            .get(&entry.path)
            .map_or(&[][..], Vec::as_slice);
        for chunk in content.chunks(CHUNK) {
            self.send(packet(PacketType::PacketData, id, chunk.to_vec()))?;
        }
        self.send(packet(PacketType::PacketData, id, Vec::new()))
    }

    /// Sends a file, and sees to it that it is the one that was announced: else the image would not be what its key says.
    fn send_from_disk(&self, id: u32, entry: &Entry) -> Result<(), Gone> {
        let place = self.tree.place(entry);
        let EntryKind::File { hash, .. } = entry.kind else {
            return self.fail(format!("{} is no file", entry.path));
        };
        let Ok(mut file) = File::open(&place) else {
            return self.tear(place);
        };
        let mut digest = Sha256::new();
        let mut total = 0;
        let mut chunk = read_chunk(&mut file);
        loop {
            let Ok(bytes) = chunk else {
                return self.tear(place);
            };
            digest.update(&bytes);
            total += bytes.len() as u64;
            let next = if bytes.is_empty() {
                Ok(Vec::new())
            } else {
                read_chunk(&mut file)
            };
            let is_last = next.as_ref().is_ok_and(Vec::is_empty);
            if is_last && self.strict && <[u8; 32]>::from(digest.clone().finalize()) != hash {
                return self.tear(place);
            }
            if !bytes.is_empty() {
                self.send(packet(PacketType::PacketData, id, bytes))?;
            }
            if is_last {
                break;
            }
            chunk = next;
        }
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.transfer.bytes += total;
        ledger.transfer.files.push(place);
        drop(ledger);
        self.send(packet(PacketType::PacketData, id, Vec::new()))
    }

    fn tear(&self, place: PathBuf) -> Result<(), Gone> {
        let text = format!("{} changed while it was sent", place.display());
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.torn.get_or_insert(place);
        drop(ledger);
        self.fail(text)
    }

    fn fail(&self, text: String) -> Result<(), Gone> {
        self.send(packet(PacketType::PacketErr, 0, text.into_bytes()))?;
        Err(Gone)
    }

    fn send(&self, packet: Packet) -> Result<(), Gone> {
        self.packets.blocking_send(Ok(packet)).map_err(|_| Gone)
    }
}

/// Up to [`CHUNK`] bytes; fewer only at the end of the file.
fn read_chunk(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(CHUNK);
    file.take(CHUNK as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet {
        r#type: kind.into(),
        stat: None,
        id,
        data,
    }
}

/// An entry as the builder is told of it, with Go's mode bits (`io/fs.FileMode`). Owners are always 0, as `docker build` does.
fn stat(entry: &Entry) -> Stat {
    let (kind, size, linkname, modified) = match &entry.kind {
        EntryKind::Folder => (1 << 31, 0, String::new(), entry.modified),
        EntryKind::Link { target } => {
            (1 << 27, target.len() as u64, target.clone(), entry.modified)
        }
        EntryKind::Pipe => (1 << 25, 0, String::new(), entry.modified),
        EntryKind::File { size, hash } => {
            (0, *size, String::new(), content_time(entry.modified, hash))
        }
    };
    Stat {
        path: entry.path.clone(),
        mode: kind | go_permissions(entry.mode),
        size: i64::try_from(size).unwrap_or(i64::MAX),
        mod_time: modified,
        linkname,
        ..Stat::default()
    }
}

fn go_permissions(mode: u32) -> u32 {
    let bit = |unix: u32, go: u32| if mode & unix == 0 { 0 } else { 1 << go };
    (mode & 0o777) | bit(0o4000, 23) | bit(0o2000, 22) | bit(0o1000, 20)
}

/// The time of a file's last change, its part below a second replaced by one that is made from the content. The builder
/// judges by size and time, so without this a file that was written twice within one tick, or whose time was set back,
/// would stay stale in the image. Never a whole second, which the builder takes for an imprecise time.
fn content_time(modified: i64, hash: &[u8; 32]) -> i64 {
    let digits = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let below_second = i64::from(digits % 999_999_999) + 1;
    modified.div_euclid(1_000_000_000) * 1_000_000_000 + below_second
}

/// The values of a header, decoded where the builder says that it has encoded them.
fn header(metadata: &MetadataMap, name: &str) -> Vec<String> {
    let is_encoded = metadata
        .get(format!("{name}-encoded"))
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| matches!(value, "1" | "true"));
    let values = metadata.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .map(|text| {
            if is_encoded {
                decoded(text)
            } else {
                text.to_owned()
            }
        })
        .collect()
}

/// Undoes Go's `url.QueryEscape`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match (
            first,
            hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::adapters::build::cache::ContextCache;
    use crate::adapters::ignore_rules::DockerIgnore;

    /// Walks a folder with one file, changes it, and asks for it: the packets that come, and what the ledger says.
    fn ask_after(change: impl FnOnce(&std::path::Path), strict: bool) -> (Vec<Packet>, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("file");
        fs::write(&place, vec![b'a'; CHUNK + 10]).unwrap();
        let (rules, cache) = (DockerIgnore::default(), ContextCache::default());
        let tree = Tree::walk(folder.path(), &rules, &cache, &AtomicBool::new(false)).unwrap();
        change(&place);
        let (packets, mut answer) = mpsc::channel(64);
        let ledger = Arc::default();
        let sending = Sending {
            tree: Arc::new(tree),
            recipe: None,
            packets,
            ledger: Arc::clone(&ledger),
            strict,
        };
        let (wishes, incoming) = mpsc::unbounded_channel();
        wishes
            .send(packet(PacketType::PacketReq, 0, Vec::new()))
            .unwrap();
        wishes
            .send(packet(PacketType::PacketFin, 0, Vec::new()))
            .unwrap();
        sending.run(&Selection::default(), incoming);
        let mut sent = Vec::new();
        while let Ok(Ok(packet)) = answer.try_recv() {
            sent.push(packet);
        }
        (sent, std::mem::take(&mut ledger.lock().unwrap()))
    }

    fn kinds(packets: &[Packet]) -> Vec<PacketType> {
        packets.iter().map(Packet::r#type).collect()
    }

    #[test]
    fn a_file_is_sent_in_pieces_and_ended() {
        use PacketType::{PacketData, PacketFin, PacketStat};
        let (sent, ledger) = ask_after(|_| (), true);
        let wanted = [
            PacketStat, PacketStat, PacketData, PacketData, PacketData, PacketFin,
        ];
        assert_eq!(kinds(&sent), wanted);
        assert_eq!(
            sent.iter().map(|packet| packet.data.len()).sum::<usize>(),
            CHUNK + 10
        );
        assert_eq!(ledger.transfer.bytes, CHUNK as u64 + 10);
    }

    #[test]
    fn a_file_that_is_no_longer_what_was_announced_is_never_ended() {
        let changes: [fn(&std::path::Path); 4] = [
            |place| fs::write(place, vec![b'b'; CHUNK + 10]).unwrap(),
            |place| fs::write(place, "short").unwrap(),
            |place| fs::write(place, vec![b'a'; CHUNK + 11]).unwrap(),
            |place| fs::remove_file(place).unwrap(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let (sent, ledger) = ask_after(change, true);
            assert_eq!(
                kinds(&sent).last(),
                Some(&PacketType::PacketErr),
                "change {number}"
            );
            let ends = |packet: &Packet| {
                packet.r#type() == PacketType::PacketData && packet.data.is_empty()
            };
            assert!(!sent.iter().any(ends), "change {number}");
            assert!(
                ledger.torn.is_some() && ledger.transfer.files.is_empty(),
                "change {number}"
            );
        }
        let (sent, ledger) = ask_after(|place| fs::write(place, "as it comes").unwrap(), false);
        assert_eq!(kinds(&sent).last(), Some(&PacketType::PacketFin));
        assert_eq!((ledger.torn, ledger.transfer.bytes), (None, 11));
    }

    #[test]
    fn the_announced_time_follows_the_content() {
        let time = |hash: u8| content_time(1_700_000_000_123_456_789, &[hash; 32]);
        assert_ne!(time(1), time(2));
        for hash in 0..=255 {
            assert_eq!(time(hash).div_euclid(1_000_000_000), 1_700_000_000);
            assert_ne!(time(hash) % 1_000_000_000, 0);
        }
        assert_eq!(content_time(-1, &[0; 32]), -999_999_999);
    }

    #[test]
    fn headers_are_decoded_as_go_encodes_them() {
        for (text, wanted) in [
            ("a+b%2Fc", "a b/c"),
            ("%C3%BC", "ü"),
            ("100%", "100%"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(decoded(text), wanted);
        }
    }
}
