//! Boatyard's side: the socket at which helpers report, and a handle for each that did.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::os::fd::AsRawFd;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OnceCell, oneshot, watch};

use super::super::abort::AbortOnDrop;
use super::inside::HELPER_WORD;
use super::kit::{Kit, MOUNTED_AT};
use super::protocol::{Done, Order, Told, Word, frame, next};

/// Name of the socket in the kit.
const SOCKET: &str = "socket";

/// The helpers of a session: the kit that is mounted, and the socket at which they report. Made when first needed.
#[derive(Debug)]
pub(in super::super) struct Helpers {
    /// Our own binary; `None` where helpers are not to be used.
    program: Option<PathBuf>,
    folder: PathBuf,
    ready: OnceCell<Result<Ready, String>>,
}

/// What is mounted, and who is awaited.
#[derive(Debug, Clone)]
pub(in super::super) struct Ready {
    kit: Arc<Kit>,
    awaited: Awaited,
    _accepting: Arc<AbortOnDrop>,
}

/// Helpers that were started and have not yet reported, by their keys.
type Awaited = Arc<Mutex<HashMap<String, oneshot::Sender<Handle>>>>;

impl Helpers {
    /// Helpers made of this binary, with their kit in this folder.
    pub(in super::super) fn new(program: Option<PathBuf>, folder: PathBuf) -> Self {
        Self {
            program,
            folder,
            ready: OnceCell::new(),
        }
    }

    /// Whether anything of ours is to run inside containers.
    pub(in super::super) fn is_wished(&self) -> bool {
        self.program.is_some()
    }

    /// The kit and the socket; why there are none, in words.
    pub(in super::super) async fn ready(&self) -> Result<Ready, String> {
        let Some(program) = self.program.clone() else {
            return Err("it was not asked for".into());
        };
        let folder = self.folder.clone();
        let prepare = async move {
            let preparing = tokio::task::spawn_blocking(move || open(&program, &folder));
            let opened = preparing.await.map_err(io::Error::other).flatten();
            opened.map_err(|error| format!("its files cannot be laid out: {error}"))
        };
        self.ready.get_or_init(|| prepare).await.clone()
    }

    /// Removes what was laid out. Helpers that still run go on without us.
    pub(in super::super) fn clear(&self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Lays out the kit and begins to listen beside it.
fn open(program: &Path, folder: &Path) -> io::Result<Ready> {
    // Nobody else of this machine gets past this folder; containers get what is below it.
    fs::create_dir_all(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let kit = Kit::prepare(program, &folder.join("kit"))?;
    let listener = bind(&kit.folder)?;
    fs::set_permissions(kit.folder.join(SOCKET), fs::Permissions::from_mode(0o666))?;
    let awaited = Awaited::default();
    let accepting = AbortOnDrop::spawn(accept(listener, Arc::clone(&awaited)));
    Ok(Ready {
        kit: Arc::new(kit),
        awaited,
        _accepting: Arc::new(accepting),
    })
}

/// By way of the folder's descriptor: a socket's own path may have 107 bytes at most (`unix(7)`).
fn bind(folder: &Path) -> io::Result<UnixListener> {
    drop(fs::remove_file(folder.join(SOCKET)));
    let open = fs::File::open(folder)?;
    UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd()))
}

async fn accept(listener: UnixListener, awaited: Awaited) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(welcome(stream, Arc::clone(&awaited)));
        }
    }
}

/// Hears who reports. Whoever has no key that is awaited is not answered.
async fn welcome(stream: UnixStream, awaited: Awaited) {
    let (mut reader, writer) = stream.into_split();
    let Ok(Some((Word::Hello { key }, _))) = next(&mut reader).await else {
        return;
    };
    let waiting = locked(&awaited).remove(&key);
    if let Some(waiting) = waiting {
        // Whoever waited may have given up meanwhile.
        drop(waiting.send(Handle::new(reader, writer)));
    }
}

impl Ready {
    /// The folder that is mounted, and where.
    pub(in super::super) fn mount(&self) -> (&Path, &'static str) {
        (&self.kit.folder, MOUNTED_AT)
    }

    /// The words that start our binary in a container, up to its own first argument.
    pub(in super::super) fn words(&self) -> Vec<String> {
        self.kit.words()
    }

    /// The words that start a helper in a container, up to `--user` and what follows, and what it will report as.
    pub(in super::super) fn expect(&self) -> (Vec<String>, oneshot::Receiver<Handle>) {
        let key = key();
        let (tell, told) = oneshot::channel();
        locked(&self.awaited).insert(key.clone(), tell);
        let mut words = self.kit.words();
        words.extend([
            HELPER_WORD.into(),
            "--socket".into(),
            format!("{MOUNTED_AT}/{SOCKET}"),
            "--key".into(),
            key,
        ]);
        (words, told)
    }
}

/// A word that no other container can guess.
fn key() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // The standard library seeds each with randomness of the system.
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", part(), part())
}

/// A helper that has reported. Cheap to clone.
#[derive(Debug, Clone)]
pub(in super::super) struct Handle {
    line: Arc<Line>,
    ended: watch::Receiver<bool>,
}

#[derive(Debug)]
struct Line {
    writer: tokio::sync::Mutex<OwnedWriteHalf>,
    /// Orders that wait for their answers; `None` once the helper has ended.
    waiting: Mutex<Option<HashMap<u64, oneshot::Sender<Answer>>>>,
    orders: AtomicU64,
}

/// What it said, or why the order could not be carried out.
type Answer = Result<Done, String>;

impl Handle {
    fn new(reader: OwnedReadHalf, writer: OwnedWriteHalf) -> Self {
        let line = Arc::new(Line {
            writer: tokio::sync::Mutex::new(writer),
            waiting: Mutex::new(Some(HashMap::new())),
            orders: AtomicU64::new(0),
        });
        let (end, ended) = watch::channel(false);
        tokio::spawn(hear(reader, Arc::clone(&line), end));
        Self { line, ended }
    }

    /// Gives an order and waits until it has been carried out; gives what the helper says of it.
    ///
    /// # Errors
    /// In words: the helper's reason, or that it has ended.
    pub(in super::super) async fn ask(&self, order: Order, body: &[u8]) -> Answer {
        let id = self.line.orders.fetch_add(1, Ordering::Relaxed);
        let bytes = frame(&Told { id, order }, body).map_err(|error| error.to_string())?;
        let (tell, told) = oneshot::channel();
        match locked(&self.line.waiting).as_mut() {
            Some(waiting) => drop(waiting.insert(id, tell)),
            None => return Err(gone()),
        }
        let sent = self.line.writer.lock().await.write_all(&bytes).await;
        sent.map_err(|_| gone())?;
        told.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Turns true when it has ended.
    pub(in super::super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Whether it still runs.
    pub(in super::super) fn is_there(&self) -> bool {
        !*self.ended.borrow()
    }
}

fn gone() -> String {
    "its helper has ended".into()
}

/// Hands answers to who waits for them, until the helper ends.
async fn hear(mut reader: OwnedReadHalf, line: Arc<Line>, end: watch::Sender<bool>) {
    while let Ok(Some((word, _))) = next(&mut reader).await {
        let Word::Done { id, error, done } = word else {
            break;
        };
        let waiting = locked(&line.waiting)
            .as_mut()
            .and_then(|waiting| waiting.remove(&id));
        if let Some(waiting) = waiting {
            drop(waiting.send(error.map_or(Ok(done), Err)));
        }
    }
    end.send_replace(true);
    locked(&line.waiting).take();
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
