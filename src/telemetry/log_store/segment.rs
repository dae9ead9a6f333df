//! Files of blocks, only ever appended to.
//!
//! A file begins with [`MAGIC`], a byte that tells records (1) from what was printed (0), the length of the service's name in
//! two bytes, the name, and the CRC-32 of all this. Then follow blocks: a head of [`HEAD`] bytes with its own check sum and
//! that of the rest, the entries, the words. Numbers are little-endian. What a crash tore off does not have the length or the
//! check sum that its head tells, or no head at all; everything before it is whole.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use jiff::Timestamp;

use super::block::{Block, Summary};
use crate::stack::ServiceName;
use crate::telemetry::log::Position;

/// With what a file begins; the last byte but one is the version of the format.
const MAGIC: &[u8; 8] = b"BYLOG\0\x01\n";

/// With what a block begins.
const BLOCK: &[u8; 4] = b"\0BY\x1e";

/// Bytes of the head of a block.
pub(super) const HEAD: usize = 4 + 4 + 4 + 4 + 8 + 8 + 2 * (8 + 4 + 8) + 3 * 8 + 1;

/// Bytes of heads that are looked for at once behind damage.
const SEEK: usize = 1 << 20;

/// The longest name that is believed.
const LONGEST_NAME: usize = 4096;

/// A file of blocks.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    file: File,
    /// Whether check sums are compared on every reading: another session wrote it.
    verify: bool,
}

/// Where blocks stand.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) segment: std::sync::Arc<Segment>,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A block that was seen in a file.
pub(super) struct Seen {
    pub(super) summary: Summary,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The head of a block.
#[derive(Debug, Clone, Copy)]
struct Head {
    summary: Summary,
    first_run: u64,
    entries: u64,
    text: u64,
    checksum: u32,
}

impl Segment {
    /// Makes a file that only this user may read, with its beginning. Tells its length too.
    pub(super) fn create(
        path: PathBuf,
        service: &ServiceName,
        records: bool,
    ) -> io::Result<(Self, u64)> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path)?;
        let beginning = beginning(service, records);
        file.write_all_at(&beginning, 0)?;
        let segment = Self {
            path,
            file,
            verify: false,
        };
        Ok((segment, beginning.len() as u64))
    }

    /// Opens a file of another session. `None` if it does not even have its beginning.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<(Self, ServiceName, bool, u64)>> {
        let file = File::open(&path)?;
        let mut start = vec![0; MAGIC.len() + 3 + LONGEST_NAME + 4];
        let length = read_up_to(&file, &mut start, 0)?;
        let Some((service, records, length)) = began(&start[..length]) else {
            return Ok(None);
        };
        let segment = Self {
            path,
            file,
            verify: true,
        };
        Ok(Some((segment, service, records, length)))
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// The blocks from this offset on, each whole; and whether something between or behind them is not.
    pub(super) fn scan(&self, mut offset: u64) -> io::Result<(Vec<Seen>, bool)> {
        let length = self.file.metadata()?.len();
        let (mut seen, mut damaged) = (Vec::new(), false);
        while offset < length {
            let mut bytes = [0; HEAD];
            let read = read_up_to(&self.file, &mut bytes, offset)?;
            let head = Head::parse(&bytes[..read]);
            let end = head.and_then(|head| offset.checked_add(head.length()?));
            match (head, end) {
                (Some(head), Some(end)) if end <= length => {
                    seen.push(Seen {
                        summary: head.summary,
                        offset,
                        length: end - offset,
                    });
                    offset = end;
                }
                _ => {
                    damaged = true;
                    let Some(next) = self.seek(offset + 1)? else {
                        break;
                    };
                    offset = next;
                }
            }
        }
        // A write that was torn off by the end of the machine may have its length, but not its content.
        while let Some(last) = seen.last() {
            let mut bytes = vec![0; usize::try_from(last.length).unwrap_or(0)];
            self.file.read_exact_at(&mut bytes, last.offset)?;
            if blocks(&bytes, true).is_some() {
                break;
            }
            damaged = true;
            seen.pop();
        }
        Ok((seen, damaged))
    }

    /// The next head of a block from this offset on.
    fn seek(&self, mut offset: u64) -> io::Result<Option<u64>> {
        let mut bytes = vec![0; SEEK + HEAD];
        loop {
            let read = read_up_to(&self.file, &mut bytes, offset)?;
            let found = memchr::memmem::find_iter(&bytes[..read], BLOCK)
                .find(|at| Head::parse(&bytes[*at..read]).is_some());
            if let Some(at) = found {
                return Ok(Some(offset + at as u64));
            }
            if read < bytes.len() {
                return Ok(None);
            }
            offset += SEEK as u64;
        }
    }
}

impl Spot {
    /// Reads the blocks. `None` if they cannot be read, or are damaged.
    pub(super) fn read(&self) -> Option<Vec<Block>> {
        let mut bytes = vec![0; usize::try_from(self.length).ok()?];
        let read = self.segment.file.read_exact_at(&mut bytes, self.offset);
        read.ok()?;
        blocks(&bytes, self.segment.verify)
    }
}

/// The bytes of a block as they stand in a file.
pub(super) fn put(out: &mut Vec<u8>, block: &Block) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&block.entries);
    checksum.update(&block.text);
    let head = Head {
        summary: block.summary,
        first_run: block.first_run,
        entries: block.entries.len() as u64,
        text: block.text.len() as u64,
        checksum: checksum.finalize(),
    };
    head.put(out);
    out.extend_from_slice(&block.entries);
    out.extend_from_slice(&block.text);
}

/// The blocks that these bytes are, if they are nothing else.
fn blocks(mut bytes: &[u8], verify: bool) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        let head = Head::parse(bytes)?;
        let (entries, text) = (
            usize::try_from(head.entries).ok()?,
            usize::try_from(head.text).ok()?,
        );
        let body = bytes.get(HEAD..HEAD.checked_add(entries)?.checked_add(text)?)?;
        if verify && crc32fast::hash(body) != head.checksum {
            return None;
        }
        let (first, second) = body.split_at(entries);
        blocks.push(Block::of(
            first.to_vec(),
            second.to_vec(),
            head.summary,
            head.first_run,
        ));
        bytes = &bytes[HEAD + body.len()..];
    }
    Some(blocks)
}

impl Head {
    fn length(&self) -> Option<u64> {
        (HEAD as u64)
            .checked_add(self.entries)?
            .checked_add(self.text)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let summary = &self.summary;
        let mut rest = Vec::with_capacity(HEAD);
        rest.extend_from_slice(&self.checksum.to_le_bytes());
        rest.extend_from_slice(&summary.lines.to_le_bytes());
        rest.extend_from_slice(&self.entries.to_le_bytes());
        rest.extend_from_slice(&self.text.to_le_bytes());
        for position in [summary.first, summary.last] {
            rest.extend_from_slice(&position.at.as_second().to_le_bytes());
            rest.extend_from_slice(&position.at.subsec_nanosecond().to_le_bytes());
            rest.extend_from_slice(&position.seq.to_le_bytes());
        }
        for run in [self.first_run, summary.runs.0, summary.runs.1] {
            rest.extend_from_slice(&run.to_le_bytes());
        }
        rest.push(u8::from(summary.plain));
        out.extend_from_slice(BLOCK);
        out.extend_from_slice(&crc32fast::hash(&rest).to_le_bytes());
        out.extend_from_slice(&rest);
    }

    /// The head with which these bytes begin, if its check sum is right.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.get(..HEAD)?.strip_prefix(BLOCK)?;
        let (checksum, rest) = rest.split_at(4);
        if crc32fast::hash(rest).to_le_bytes() != checksum {
            return None;
        }
        let mut fields = Fields(rest);
        let checksum = u32::from_le_bytes(fields.take()?);
        let lines = u32::from_le_bytes(fields.take()?);
        let entries = u64::from_le_bytes(fields.take()?);
        let text = u64::from_le_bytes(fields.take()?);
        let (first, last) = (fields.position()?, fields.position()?);
        let first_run = u64::from_le_bytes(fields.take()?);
        let runs = (
            u64::from_le_bytes(fields.take()?),
            u64::from_le_bytes(fields.take()?),
        );
        let [plain] = fields.take()?;
        Some(Self {
            summary: Summary {
                lines,
                builds: 0,
                first,
                last,
                runs,
                plain: plain != 0,
            },
            first_run,
            entries,
            text,
            checksum,
        })
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn position(&mut self) -> Option<Position> {
        let second = i64::from_le_bytes(self.take()?);
        let nanosecond = i32::from_le_bytes(self.take()?);
        let seq = u64::from_le_bytes(self.take()?);
        let at = Timestamp::new(second, nanosecond).ok()?;
        Some(Position { at, seq })
    }
}

fn beginning(service: &ServiceName, records: bool) -> Vec<u8> {
    let name = service.as_str();
    let ends = (0..=name.len().min(LONGEST_NAME)).rev();
    let name = ends.map(|end| name.get(..end)).find_map(|name| name);
    let name = name.unwrap_or_default();
    let mut bytes = MAGIC.to_vec();
    bytes.push(u8::from(records));
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(name.as_bytes());
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Whose file it is, whether of records, and where its blocks begin.
fn began(bytes: &[u8]) -> Option<(ServiceName, bool, u64)> {
    let mut fields = Fields(bytes.strip_prefix(MAGIC)?);
    let [records] = fields.take()?;
    let length = usize::from(u16::from_le_bytes(fields.take()?));
    let name = fields.0.get(..length)?;
    let end = MAGIC.len() + 3 + length;
    let checksum = bytes.get(end..end + 4)?;
    if crc32fast::hash(&bytes[..end]).to_le_bytes() != checksum {
        return None;
    }
    let service = ServiceName::new(str::from_utf8(name).ok()?);
    Some((service, records != 0, end as u64 + 4))
}

fn read_up_to(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(length) => read += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
