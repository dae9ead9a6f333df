//! The log store against a plain list.

use proptest::prelude::*;

use jiff::Timestamp;

use super::super::log::MarkKind;
use super::*;
use crate::telemetry::{Direction, Filter, Search, Select, Telemetry};

fn said(service: &str, run: u64, millis: i64, text: &str) -> NewLine {
    NewLine {
        service: service.into(),
        run,
        at: Timestamp::from_millisecond(millis).unwrap(),
        stream: Stream::Stdout,
        bytes: text.into(),
    }
}

fn texts(lines: &[Arc<LogLine>]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| str::from_utf8(&line.line.bytes).unwrap())
        .collect()
}

#[test]
fn lines_of_all_services_are_merged_by_time() {
    let store = Telemetry::default();
    for (service, millis, text) in [
        ("a", 10, "1"),
        ("a", 30, "3"),
        ("b", 20, "2"),
        ("b", 40, "4"),
    ] {
        store.logs().push(said(service, 1, millis, text));
    }
    let all = Select::default();
    let latest = store.latest(all, 3);
    assert_eq!(texts(&latest.lines), ["2", "3", "4"]);
    let before = store.page_before(all, latest.lines[0].position(), 5);
    assert_eq!(texts(&before.lines), ["1"]);
    assert_eq!(before.reached, None);
    let after = store.page_after(all, before.lines[0].position(), 2);
    assert_eq!(texts(&after.lines), ["2", "3"]);
    let chosen = ["b".into()];
    let of_b = Select {
        services: &chosen,
        ..all
    };
    assert_eq!(texts(&store.latest(of_b, 9).lines), ["2", "4"]);
}

#[test]
fn what_comes_before_a_place_is_counted_and_builds_are_not() {
    let store = Telemetry::default();
    // So much that it lies in several pieces.
    for number in 0..6000_i64 {
        let service = ["a", "b", "c"][usize::try_from(number % 3).unwrap()];
        let mut line = said(
            service,
            1,
            number / 7,
            &format!("{number} {}", "x".repeat(60)),
        );
        if number % 5 == 0 {
            line.stream = Stream::Build;
        }
        store.logs().push(line);
    }
    let of_two = ["a".into(), "c".into()];
    for services in [&[][..], &of_two] {
        let lines = store.logs().after(services, Position::FIRST, usize::MAX);
        let mut places: Vec<Position> = lines
            .iter()
            .step_by(97)
            .map(|line| line.position())
            .collect();
        places.extend([Position::LAST, Position::FIRST]);
        let ranks = store.logs().ranks(services, &places);
        for (place, rank) in places.iter().zip(ranks) {
            let before = lines
                .iter()
                .filter(|line| line.position() < *place && line.line.stream != Stream::Build);
            assert_eq!(rank, before.count() as u64, "{place:?}");
        }
        let (first, last) = store.logs().ends(services).unwrap();
        assert_eq!(
            (first, last),
            (lines[0].position(), lines[lines.len() - 1].position())
        );
        let spreads = store.logs().spread(services);
        let said = lines
            .iter()
            .filter(|line| line.line.stream != Stream::Build);
        let counted: u64 = spreads.iter().map(|spread| spread.total().lines).sum();
        assert_eq!(counted, said.count() as u64);
    }
    assert_eq!(store.logs().ends(&["nobody".into()]), None);
}

#[test]
fn a_clock_set_back_does_not_reorder_a_service() {
    let store = Telemetry::default();
    store.logs().push(said("a", 1, 50, "first"));
    store.logs().push(said("a", 1, 10, "second"));
    assert_eq!(
        texts(&store.latest(Select::default(), 9).lines),
        ["first", "second"]
    );
}

#[test]
fn a_shouting_service_drives_out_its_own_lines() {
    let logs = Logs::new(20_000);
    logs.push(said("quiet", 1, 0, "the one line"));
    for number in 0..10_000 {
        logs.push(said("loud", 1, number, "shout"));
    }
    assert!(logs.in_memory() <= 20_000);
    assert_eq!(logs.dropped(&"quiet".into()), 0);
    let kept = logs.before(&[], Position::LAST, usize::MAX).len() as u64;
    assert_eq!(logs.dropped(&"loud".into()) + kept, 10_001);
    assert_eq!(logs.dropped_in_all(), logs.dropped(&"loud".into()));
}

#[test]
fn a_line_beyond_the_whole_budget_is_counted() {
    let logs = Logs::new(1000);
    logs.push(said("a", 1, 0, &"x".repeat(5000)));
    assert_eq!(logs.dropped(&"a".into()), 1);
    assert_eq!(logs.in_memory(), 0);
}

#[test]
fn a_follower_gets_each_line_once_and_learns_what_it_missed() {
    let logs = Logs::new(4000);
    let (mut next, mut read, mut missed) = (0, 0, 0);
    for number in 0..3000_u64 {
        logs.push(said(if number % 3 == 0 { "a" } else { "b" }, 1, 0, "x"));
        // Sometimes it looks at once, sometimes late.
        if number % 700 < 200 {
            let followed = logs.since(next, 7);
            assert!(
                followed
                    .lines
                    .iter()
                    .all(|line| line.seq >= next && line.seq < followed.next)
            );
            read += followed.lines.len() as u64;
            missed += followed.missed;
            next = followed.next;
        }
    }
    let rest = logs.since(next, usize::MAX);
    read += rest.lines.len() as u64;
    missed += rest.missed;
    assert!(missed > 0);
    assert_eq!((read + missed, rest.next), (3000, 3000));
}

#[test]
fn the_tail_of_a_run_is_its_own_output_made_harmless() {
    let logs = Logs::new(1 << 20);
    logs.push(said("a", 1, 0, "old"));
    logs.push(said("a", 2, 1, "one"));
    logs.push(NewLine {
        stream: Stream::Mark(MarkKind::Live),
        ..said("a", 2, 1, "live")
    });
    logs.push(said("b", 2, 1, "other"));
    logs.push(said("a", 2, 2, "\x1b[31mtwo\x1b[0m"));
    logs.push(said("a", 2, 3, "three"));
    assert_eq!(logs.run_tail(&"a".into(), 2, 2), ["two", "three"]);
    assert_eq!(logs.run_tail(&"a".into(), 2, 9), ["one", "two", "three"]);
    let of_run = logs.of_run_since(&"a".into(), 2, 2);
    assert_eq!(texts(&of_run.lines), ["\x1b[31mtwo\x1b[0m", "three"]);
    assert_eq!(of_run.next, 6);
}

#[test]
fn searching_goes_both_ways_and_counts() {
    let store = Telemetry::default();
    for number in 0..20_000 {
        let text = if number % 1000 == 7 {
            "a \x1b[1mNeed\x1b[0mle"
        } else {
            "hay"
        };
        store.logs().push(said("a", 1, number, text));
    }
    let search = Search::text("needle").unwrap();
    let all = Select::default();
    let newest = store.search(all, &search, Position::LAST, Direction::Back);
    assert_eq!(newest.lines[0].seq, 19_007);
    let older = store.search(all, &search, newest.lines[0].position(), Direction::Back);
    assert_eq!(older.lines[0].seq, 18_007);
    let newer = store.search(all, &search, older.lines[0].position(), Direction::Forward);
    assert_eq!(newer.lines[0].seq, 19_007);
    let none = store.search(all, &search, newest.lines[0].position(), Direction::Forward);
    assert!(none.lines.is_empty() && none.reached.is_none());
    assert_eq!(store.count_matches(all, &search), (20, true));
}

#[test]
fn patience_ends_a_long_look_and_it_can_go_on() {
    let store = Telemetry::default();
    for number in 0..1000 {
        store.logs().push(said(
            "a",
            1,
            number,
            if number < 10 { "wanted" } else { "hay" },
        ));
    }
    let filter = Filter::parse("wanted").unwrap();
    let select = Select {
        filter: Some(&filter),
        patience: 300,
        ..Select::default()
    };
    let (mut found, mut looks) = (0, 0);
    let mut before = Some(Position::LAST);
    while let Some(position) = before {
        let page = store.page_before(select, position, 50);
        (found, looks, before) = (found + page.lines.len(), looks + 1, page.reached);
    }
    assert_eq!((found, looks), (10, 4));
}

#[test]
fn counting_ends_with_patience_and_goes_on_from_there() {
    let store = Telemetry::new(1 << 20, 0);
    for number in 0..20_000_i64 {
        store.logs().push(said(
            if number % 2 == 0 { "a" } else { "b" },
            1,
            number,
            "some words",
        ));
    }
    let select = Select {
        patience: 3000,
        ..Select::default()
    };
    let search = Search::text("words").unwrap();
    assert!(!store.count_matches(select, &search).1);
    let (mut count, mut looks) = (0, 0);
    let mut before = Some(Position::LAST);
    while let Some(position) = before {
        let (more, reached) = store.count_before(select, &search, position);
        (count, looks, before) = (count + more, looks + 1, reached);
    }
    assert_eq!(count, 20_000);
    assert!((3..=7).contains(&looks), "{looks}");
}

fn lines() -> impl Strategy<Value = Vec<(u8, i64, bool)>> {
    prop::collection::vec((0_u8..4, 0_i64..50, any::<bool>()), 0..120)
}

proptest! {
    #[test]
    fn pages_agree_with_a_plain_list(
        lines in lines(),
        limit in 1_usize..20,
        chosen in prop::collection::vec(0_u8..4, 0..3),
        filtered in any::<bool>(),
    ) {
        let store = Telemetry::default();
        let mut model: Vec<(i64, u64, u8, bool)> = Vec::new();
        for (seq, (service, millis, wanted)) in lines.into_iter().enumerate() {
            let text = if wanted { "wanted" } else { "other" };
            store.logs().push(said(&service.to_string(), 1, millis, text));
            let last = model.iter().filter(|line| line.2 == service).map(|line| line.0).max();
            model.push((millis.max(last.unwrap_or(0)), seq as u64, service, wanted));
        }
        model.sort_unstable();
        model.retain(|line| chosen.is_empty() || chosen.contains(&line.2));
        model.retain(|line| !filtered || line.3);
        let expected: Vec<u64> = model.iter().map(|line| line.1).collect();

        let services: Vec<ServiceName> = chosen.iter().map(|n| n.to_string().as_str().into()).collect();
        let filter = Filter::parse("wanted").unwrap();
        let select = Select { services: &services, filter: filtered.then_some(&filter), ..Select::default() };

        let mut back = Vec::new();
        let mut before = Some(Position::LAST);
        while let Some(position) = before {
            let page = store.page_before(select, position, limit);
            back.extend(page.lines.iter().rev().map(|line| line.seq));
            before = page.reached;
        }
        back.reverse();
        prop_assert_eq!(&back, &expected);

        let mut forth = Vec::new();
        let mut after = Some(Position::FIRST);
        while let Some(position) = after {
            let page = store.page_after(select, position, limit);
            forth.extend(page.lines.iter().map(|line| line.seq));
            after = page.reached;
        }
        prop_assert_eq!(&forth, &expected);
    }

    #[test]
    fn the_budget_holds_and_every_line_is_accounted_for(
        pushes in prop::collection::vec((0_u8..4, 0_usize..400), 0..200),
        budget in 0_usize..8000,
    ) {
        let logs = Logs::new(budget);
        for (service, length) in &pushes {
            logs.push(said(&service.to_string(), 1, 0, &"x".repeat(*length)));
            prop_assert!(logs.in_memory() <= budget);
        }
        let kept = logs.since(0, usize::MAX);
        prop_assert_eq!(kept.lines.len() as u64, logs.len());
        prop_assert_eq!(kept.lines.len() as u64 + logs.dropped_in_all(), pushes.len() as u64);
        prop_assert_eq!(kept.missed, logs.dropped_in_all());
    }
}
