//! The store on disk against a plain list: while the session runs, after it ended, and after its files were damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::exchange::{SpanId, TraceId};
use super::super::log::MarkKind;
use super::*;
use crate::telemetry::{Direction, Search, Select, Telemetry};

/// Far less than the lines of a test take, so that blocks, extents and files end all the time.
const SMALL: usize = 1500;

fn spill(folder: &Path, disk: u64) -> Spill {
    Spill {
        folder: folder.to_owned(),
        memory: SMALL,
        disk,
    }
}

fn on_disk(folder: &Path) -> Telemetry {
    let telemetry = Telemetry::new(1 << 20, 0);
    let begun = telemetry
        .logs()
        .keep_on_disk(&spill(folder, 1 << 30), |error| panic!("{error}"));
    begun.unwrap();
    telemetry
}

fn said(service: &str, millis: i64, bytes: &[u8]) -> NewLine {
    NewLine {
        service: service.into(),
        run: 1,
        at: Timestamp::from_millisecond(millis).unwrap(),
        stream: Stream::Stdout,
        bytes: bytes.to_vec(),
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => "[a-cA-C ]{0,40}".prop_map(String::into_bytes),
        1 => "[a-c]{0,5}\x1b\\[31m[a-c]{0,5}\x1b\\[0m[a-c]{0,9}".prop_map(String::into_bytes),
        1 => "[aäöüß\u{202e}]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (100_usize..4000).prop_map(|length| vec![b'b'; length]),
    ]
}

fn line() -> impl Strategy<Value = (NewLine, Told)> {
    let streams = prop::sample::select(vec![
        Stream::Stdout,
        Stream::Stderr,
        Stream::Build,
        Stream::Otlp,
        Stream::Mark(MarkKind::Live),
        Stream::Mark(MarkKind::Checked),
    ]);
    let level = prop::option::of(prop::sample::select(Level::ALL.to_vec()));
    let of = prop::option::of((any::<u128>(), prop::option::of(any::<u64>())));
    let line = (0_u8..3, 0_u64..4, 0_i64..60, streams, bytes());
    (line, level, of).prop_map(|((service, run, millis, stream, bytes), level, of)| {
        let line = NewLine {
            run,
            stream,
            ..said(&service.to_string(), millis, &bytes)
        };
        let of = of.map(|(trace, span)| (TraceId(trace), span.map(SpanId)));
        (line, Told { level, of })
    })
}

/// Batches of lines; after some of them everything is written.
fn session() -> impl Strategy<Value = Vec<(Vec<(NewLine, Told)>, bool)>> {
    prop::collection::vec((prop::collection::vec(line(), 0..12), any::<bool>()), 0..14)
}

/// What is told of a line, to be compared.
fn shown(line: &LogLine) -> String {
    format!("{line:?}")
}

/// The lines as they must be kept, as they came.
fn model(session: &[(Vec<(NewLine, Told)>, bool)]) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = Vec::new();
    for (line, told) in session.iter().flat_map(|(batch, _)| batch) {
        let records = line.stream == Stream::Otlp;
        let of_ring = lines.iter().filter(|one| {
            one.line.service == line.service && (one.line.stream == Stream::Otlp) == records
        });
        let last = of_ring.map(|one| one.line.at).max();
        let level = match line.stream {
            Stream::Mark(_) => None,
            _ => told.level.or_else(|| Level::of_line(&line.bytes)),
        };
        lines.push(LogLine {
            seq: lines.len() as u64,
            level,
            of: told.of.map(Box::new),
            line: NewLine {
                at: line.at.max(last.unwrap_or(line.at)),
                ..line.clone()
            },
        });
    }
    lines
}

fn by_time(mut lines: Vec<LogLine>) -> Vec<LogLine> {
    lines.sort_by_key(LogLine::position);
    lines
}

fn play(store: &Telemetry, session: &[(Vec<(NewLine, Told)>, bool)]) {
    for (batch, flush) in session {
        store.logs().push_all_told(batch.clone());
        if *flush {
            store.logs().flush();
        }
    }
}

fn all_shown(logs: &Logs) -> Vec<String> {
    let lines = logs.after(&[], Position::FIRST, usize::MAX);
    lines.iter().map(|line| shown(line)).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Whether the second has what the first has, in its order, and perhaps more.
fn is_part_of(part: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| one == other))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_kept_as_it_came(session in session(), limit in 1_usize..30, from in 0_u64..60) {
        let folder = tempfile::tempdir().unwrap();
        let store = on_disk(folder.path());
        play(&store, &session);
        let model = model(&session);
        let expected: Vec<String> = by_time(model.clone()).iter().map(shown).collect();
        prop_assert_eq!(&all_shown(store.logs()), &expected);

        let mut back = Vec::new();
        let mut before = Some(Position::LAST);
        while let Some(position) = before {
            let page = store.page_before(Select::default(), position, limit);
            back.extend(page.lines.iter().rev().map(|line| shown(line)));
            before = page.reached;
        }
        back.reverse();
        prop_assert_eq!(&back, &expected);

        let since = store.logs().since(from, limit);
        let expected_since = model.iter().filter(|line| line.seq >= from).take(limit).map(shown);
        let since: Vec<String> = since.lines.iter().map(|line| shown(line)).collect();
        prop_assert_eq!(since, expected_since.collect::<Vec<_>>());

        let of_run = store.logs().of_run_since(&"1".into(), 2, from);
        let of_run: Vec<u64> = of_run.lines.iter().map(|line| line.seq).collect();
        let expected_run = model.iter().filter(|line| {
            line.seq >= from && line.line.service.as_str() == "1" && line.line.run == 2
                && matches!(line.line.stream, Stream::Stdout | Stream::Stderr)
        });
        prop_assert_eq!(of_run, expected_run.map(|line| line.seq).collect::<Vec<_>>());

        drop(store);
        let archive = Archive::open(folder.path()).unwrap();
        prop_assert_eq!(&all_shown(&archive.logs), &expected);
        prop_assert_eq!((archive.missing, archive.is_damaged), (0, false));
    }

    #[test]
    fn a_search_finds_what_a_look_at_each_line_finds(
        session in session(),
        pattern in prop::sample::select(vec![
            "a", "A", "ab", "^a", "b$", "^$", "a.*b", "[^a]b", r"\s+b", r"\bc", r"a\b", r"\Ba", "c*", "(?s)a.b", r"\Aa",
            r"b\z", "(?-m:^b)", "(?i)C", "ü", "a|^b|c$", "[[:^alpha:]]$", "a\n?b",
        ]),
        patience in prop::sample::select(vec![1_usize, 20, usize::MAX]),
        back in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = on_disk(folder.path());
        play(&store, &session);
        let search = Search::regex(pattern).unwrap();
        let found = by_time(model(&session)).into_iter().filter(|line| {
            search.is_in(&text::readable(&line.line.bytes))
        });
        let expected: Vec<String> = found.map(|line| shown(&line)).collect();
        let select = Select { patience, ..Select::default() };
        let (direction, mut from) = if back {
            (Direction::Back, Some(Position::LAST))
        } else {
            (Direction::Forward, Some(Position::FIRST))
        };
        let mut met = Vec::new();
        while let Some(position) = from {
            let page = store.search_page(select, &search, position, direction, 3);
            met.extend(page.lines.iter().map(|line| shown(line)));
            from = page.reached;
        }
        if back {
            met.reverse();
        }
        prop_assert_eq!(&met, &expected);
        let all = Select::default();
        prop_assert_eq!(store.count_matches(all, &search), (expected.len(), true));
        let filter = crate::telemetry::Filter::parse("service!=nobody").unwrap();
        let filtered = Select { filter: Some(&filter), ..all };
        prop_assert_eq!(store.count_matches(filtered, &search), (expected.len(), true));
    }

    #[test]
    fn a_file_that_ends_too_early_has_all_that_was_written_before(
        session in session(),
        which in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        play(&on_disk(folder.path()), &session);
        let whole = all_shown(&Archive::open(folder.path()).unwrap().logs);
        let files = files(folder.path());
        prop_assume!(!files.is_empty());
        let last_of_ring: Vec<&PathBuf> = files.iter().enumerate().filter(|(at, file)| {
            let ring = |path: &Path| path.file_name().unwrap().to_string_lossy()[..4].to_owned();
            files.get(at + 1).is_none_or(|next| ring(next) != ring(file))
        }).map(|(_, file)| file).collect();
        let file = which.get(&last_of_ring);
        let length = fs::metadata(file).unwrap().len();
        let cut = cut.index(usize::try_from(length).unwrap()) as u64;
        fs::File::options().write(true).open(file).unwrap().set_len(cut).unwrap();

        let archive = Archive::open(folder.path()).unwrap();
        let read = all_shown(&archive.logs);
        prop_assert!(is_part_of(&read, &whole));
        prop_assert_eq!(archive.logs.unreadable(), 0);
        prop_assert_eq!(read.len() as u64, archive.logs.len());
        // Nothing is missing but the last lines of that service.
        let lost: Vec<&String> = whole.iter().filter(|line| !read.contains(line)).collect();
        let kept = |line: &&String| lost.iter().all(|lost| service_of(lost) != service_of(line));
        prop_assert!(whole.iter().filter(kept).all(|line| read.contains(line)));
    }

    #[test]
    fn a_changed_byte_costs_one_block_at_most_and_invents_nothing(
        session in session(),
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in 1_u8..=255,
    ) {
        let folder = tempfile::tempdir().unwrap();
        play(&on_disk(folder.path()), &session);
        let whole = all_shown(&Archive::open(folder.path()).unwrap().logs);
        let files = files(folder.path());
        prop_assume!(!files.is_empty());
        let file = which.get(&files);
        let mut bytes = fs::read(file).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        fs::write(file, bytes).unwrap();

        let archive = Archive::open(folder.path()).unwrap();
        let read = all_shown(&archive.logs);
        prop_assert!(is_part_of(&read, &whole));
        prop_assert_eq!(read.len() as u64 + archive.logs.unreadable(), archive.logs.len());
        prop_assert!(archive.is_damaged || archive.logs.unreadable() > 0);
        let lost: Vec<&String> = whole.iter().filter(|line| !read.contains(line)).collect();
        let services: std::collections::BTreeSet<_> = lost.iter().map(|line| service_of(line)).collect();
        prop_assert!(services.len() <= 1);
    }
}

fn service_of(shown: &str) -> (String, bool) {
    let name = shown.split("ServiceName(\"").nth(1).unwrap();
    let name = name.split('"').next().unwrap();
    (name.to_owned(), shown.contains("stream: Otlp"))
}

#[test]
fn memory_stays_within_its_budget_and_files_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("deep/below");
    let store = on_disk(&folder);
    assert!(!folder.exists(), "a session without lines leaves nothing");
    for number in 0..5000 {
        store
            .logs()
            .push(said("a", number, b"some words of a line"));
    }
    store.logs().flush();
    assert!(store.logs().in_memory() <= SMALL);
    assert_eq!(
        (store.logs().len(), store.logs().dropped_in_all()),
        (5000, 0)
    );
    let file = &files(&folder)[0];
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(file)), (0o700, 0o600));
}

#[test]
fn the_oldest_files_of_the_loudest_service_go_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(1 << 20);
    logs.keep_on_disk(&spill(folder.path(), 64 << 10), |error| panic!("{error}"))
        .unwrap();
    logs.push(said("quiet", 0, b"the one line"));
    for number in 0..500 {
        logs.push_all((0..10).map(|_| said("loud", number, b"a line of thirty bytes or more")));
        logs.flush();
    }
    assert_eq!(logs.dropped(&"quiet".into()), 0);
    let dropped = logs.dropped(&"loud".into());
    assert!(dropped > 1000, "{dropped}");
    assert_eq!(logs.len() + dropped, 5001);
    let lines = logs.since(0, usize::MAX);
    assert_eq!(
        (lines.lines.len() as u64, lines.missed),
        (logs.len(), dropped)
    );
    drop(logs);
    let used: u64 = files(folder.path())
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(used < 72 << 10, "{used}");
    let archive = Archive::open(folder.path()).unwrap();
    assert_eq!(
        (archive.missing, archive.logs.len()),
        (dropped, 5001 - dropped)
    );
}

#[test]
fn a_disk_that_fails_is_told_once_and_lines_go_on_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in-the-way");
    fs::write(&file, "").unwrap();
    let logs = Logs::new(5000);
    let (tell, told) = mpsc::channel();
    logs.keep_on_disk(&spill(&file.join("logs"), 1 << 20), move |error| {
        tell.send(error.to_string()).unwrap();
    })
    .unwrap();
    logs.push(said("a", 0, b"first"));
    logs.flush();
    let why = told.recv().unwrap();
    assert!(why.contains("in-the-way/logs"), "{why}");
    for number in 0..2000 {
        logs.push(said("a", number, b"some words"));
        assert!(logs.in_memory() <= 5000);
    }
    logs.flush();
    assert!(told.recv().is_err(), "told once, and the writer has ended");
    assert!(logs.dropped_in_all() > 0);
    assert_eq!(logs.len() + logs.dropped_in_all(), 2001);
}

#[test]
fn what_came_before_the_folder_was_known_is_kept_there_too() {
    let folder = tempfile::tempdir().unwrap();
    let logs = Logs::new(1 << 20);
    logs.push(said("a", 0, b"early"));
    logs.keep_on_disk(&spill(folder.path(), 1 << 30), |error| panic!("{error}"))
        .unwrap();
    logs.close();
    logs.push(said("a", 1, b"too late for the disk"));
    assert_eq!(logs.len(), 2);
    assert_eq!(Archive::open(folder.path()).unwrap().logs.len(), 1);
}

#[test]
fn secrets_never_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    store.logs().mask(Redactor::new(&["s3cret".to_owned()]));
    store.logs().push_all([said("a", 0, b"token=s3cret")]);
    store.logs().close();
    let bytes = fs::read(&files(folder.path())[0]).unwrap();
    let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(has(b"token=***") && !has(b"s3cret"));
}

#[test]
fn followers_and_searches_read_while_others_write() {
    const EACH: i64 = 6000;
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    let search = Search::text("needle").unwrap();
    thread::scope(|scope| {
        for service in ["a", "b", "c"] {
            let store = &store;
            scope.spawn(move || {
                for number in 0..EACH / 10 {
                    let words = |one| format!("{one} needle").into_bytes();
                    let lines = (0..10).map(|one| said(service, number, &words(one)));
                    store.logs().push_all(lines);
                }
            });
        }
        let (mut next, mut count) = (0, 0);
        while count < 3 * EACH {
            let followed = store.logs().since(next, 500);
            assert_eq!(followed.missed, 0);
            let mut numbers = followed.lines.iter().map(|line| line.seq);
            assert!(numbers.all(|seq| {
                next += 1;
                seq + 1 == next
            }));
            count += i64::try_from(followed.lines.len()).unwrap();
            let (found, _) = store.count_matches(Select::default(), &search);
            assert!(i64::try_from(found).unwrap() >= count);
        }
        assert_eq!(count, 3 * EACH);
    });
    assert_eq!(store.logs().dropped_in_all(), 0);
    let archive = Archive::open(folder.path()).unwrap();
    assert!(!archive.is_damaged, "read while the session goes on");
}

#[test]
fn old_sessions_go_and_the_last_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    assert!(sessions(folder.path()).is_empty());
    for millis in 0..14 {
        let session = folder.path().join(format!("{}-{millis}", 100 - millis));
        let logs = Logs::new(1 << 20);
        logs.keep_on_disk(&spill(&session, 1 << 20), |error| panic!("{error}"))
            .unwrap();
        logs.push(said("a", millis, b"x"));
    }
    fs::create_dir(folder.path().join("somebody-else")).unwrap();
    prune_sessions(folder.path());
    let left = sessions(folder.path());
    let began: Vec<i64> = left.iter().map(|one| one.began.as_millisecond()).collect();
    assert_eq!(began, (4..14).rev().collect::<Vec<_>>());
    assert!(folder.path().join("somebody-else").exists());
}

#[test]
fn a_line_of_many_megabytes_is_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = on_disk(folder.path());
    let long = vec![0; 10 << 20];
    store
        .logs()
        .push_all([said("a", 0, b"before"), said("a", 1, &long)]);
    store.logs().push(said("a", 2, b"after"));
    store.logs().close();
    let archive = Archive::open(folder.path()).unwrap();
    let lines = archive.logs.after(&[], Position::FIRST, 9);
    assert_eq!(lines.len(), 3);
    assert!(lines[1].line.bytes == long);
}
