//! Lines, halves of lines and checkpoints, whatever way the bytes are cut.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{LONGEST_LINE, Position, Sink};
use crate::telemetry::{Stream, Telemetry};

fn sink() -> (Arc<Telemetry>, Sink) {
    let telemetry = Arc::new(Telemetry::new(1 << 30, 0));
    let sink = Sink::new(telemetry.clone(), "s".into(), 1, true);
    (telemetry, sink)
}

fn kept(telemetry: &Telemetry) -> Vec<(Stream, Vec<u8>)> {
    let lines = telemetry.logs().since(0, usize::MAX).lines;
    let line = |line: &Arc<crate::telemetry::LogLine>| (line.line.stream, line.line.bytes.clone());
    lines.iter().map(line).collect()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis)
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_lines(text in "[ab\r\n]{0,60}", cut in 1usize..9) {
        let (telemetry, mut sink) = sink();
        for piece in text.as_bytes().chunks(cut) {
            sink.take(Stream::Stdout, piece, at(0));
            sink.commit();
        }
        sink.finish(at(0));
        let mut expected: Vec<&str> = text.split('\n').collect();
        if expected.last() == Some(&"") {
            expected.pop();
        }
        let ended = text.matches('\n').count();
        let expected: Vec<_> = expected
            .iter()
            .enumerate()
            // Only before a line end is a carriage return a part of it.
            .map(|(at, line)| if at < ended { line.strip_suffix('\r').unwrap_or(line) } else { line })
            .map(|line| (Stream::Stdout, line.as_bytes().to_vec()))
            .collect();
        prop_assert_eq!(kept(&telemetry), expected);
    }
}

#[test]
fn halves_of_two_streams_do_not_mix() {
    let (telemetry, mut sink) = sink();
    for (stream, text) in [
        (Stream::Stdout, "o1"),
        (Stream::Stderr, "e1\ne"),
        (Stream::Stdout, "o2\n"),
        (Stream::Stderr, "2\n"),
    ] {
        sink.take(stream, text.as_bytes(), at(0));
    }
    sink.commit();
    let expected = [
        (Stream::Stderr, b"e1".to_vec()),
        (Stream::Stdout, b"o1o2".to_vec()),
        (Stream::Stderr, b"e2".to_vec()),
    ];
    assert_eq!(kept(&telemetry), expected);
}

#[test]
fn an_endless_line_comes_in_pieces() {
    let (telemetry, mut sink) = sink();
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        sink.take(Stream::Stdout, &megabyte, at(0));
        sink.commit();
    }
    sink.finish(at(0));
    let lengths: Vec<usize> = kept(&telemetry)
        .iter()
        .map(|(_, bytes)| bytes.len())
        .collect();
    assert_eq!(lengths, [LONGEST_LINE, LONGEST_LINE, 8 << 20]);
}

#[test]
fn a_checkpoint_is_taken_only_in_a_silence_with_no_line_begun() {
    let (_, mut sink) = sink();
    let mut say = |millis: i64, text: &str| {
        sink.chunk_begins(at(millis));
        sink.take(Stream::Stdout, text.as_bytes(), at(millis));
        sink.position()
    };
    let position = |since: Option<i64>, bytes: u64| Position {
        since: since.map(at),
        bytes: [bytes, 0],
    };
    assert_eq!(say(0, "one\n"), position(None, 4), "the first start");
    assert_eq!(
        say(100, "two\nth"),
        position(None, 10),
        "too short a silence"
    );
    assert_eq!(say(1_000, "ree\n"), position(None, 14), "a line had begun");
    assert_eq!(say(2_000, "four\n"), position(Some(1_500), 5));
    sink.forget_silence();
    sink.chunk_begins(at(9_000));
    assert_eq!(
        sink.position(),
        position(Some(1_500), 5),
        "the log was read meanwhile"
    );
    sink.begin_again(at(10_000));
    assert_eq!(sink.position(), position(Some(10_000), 0));
}

#[test]
fn a_strange_clock_takes_no_checkpoints() {
    let telemetry = Arc::new(Telemetry::default());
    let mut sink = Sink::new(telemetry, "s".into(), 1, false);
    sink.chunk_begins(at(0));
    sink.take(Stream::Stdout, b"x\n", at(0));
    sink.chunk_begins(at(60_000));
    assert_eq!(
        sink.position(),
        Position {
            since: None,
            bytes: [2, 0]
        }
    );
}
