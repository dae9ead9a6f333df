//! What keys do to traces: opened, folded, searched, compared, and followed to their log lines.

use std::sync::Arc;
use std::time::Duration;

use boatyard::engine::{Command, Switch};
use boatyard::telemetry::{SpanId, Stream, TraceId};

use crate::fixture::{self, Scene};
use crate::harness::Desk;

/// A request to web, answered after 38 ms.
fn request(scene: &Scene, trace: u64, start: f64, path: &str, code: u16) {
    scene.ask(trace, 1, None, ("web", "GET", path, code), start, 38);
    scene.telemetry.touch();
}

fn desk(scene: Scene) -> Desk {
    Desk::new(scene, 120, 40)
}

#[test]
fn a_trace_opens_and_closes_and_one_returns_to_where_one_was() {
    let mut desk = desk(fixture::ready());
    desk.press("3 j j enter");
    assert!(desk.find("4 requests").is_some(), "{}", desk.text());
    assert!(desk.find("└ payments").is_some());
    desk.press("j j j");
    assert!(desk.find("orders → payments").is_some());
    assert!(desk.find("authorization: ***").is_some());
    desk.press("esc");
    assert!(desk.find("paused").is_some());
    desk.press("e");
    assert!(desk.find("only status>=500").is_some());
    assert!(desk.find("201").is_none() || desk.find("✗503").is_some());
}

#[test]
fn a_trace_is_folded_searched_and_told_in_full() {
    let mut desk = desk(fixture::ready());
    desk.press("3 z j j enter");
    assert!(desk.find("◆").is_some(), "the critical path is marked");
    desk.press("j left");
    assert!(desk.find("orders ▸2").is_some(), "{}", desk.text());
    assert!(desk.find("└ payments").is_none());
    desk.press("/ c h a r g e s");
    assert!(desk.find("1 of 4 have it").is_some(), "{}", desk.text());
    desk.press("enter");
    assert!(desk.find("›payments").is_some(), "a hit is unfolded");
    assert!(desk.find("orders → payments").is_some(), "and chosen");
    desk.press("[");
    assert!(desk.find("orders ▸2").is_some());
    desk.press("]");
    assert!(desk.find("orders ▸2").is_none());
    desk.press("esc enter");
    assert!(desk.find("to = café \"Möwe\"").is_some(), "{}", desk.text());
    assert!(desk.find("\"sku\": \"tea\",").is_some());
    desk.press("esc");
    assert!(desk.find("└ payments").is_some(), "back in the waterfall");
    desk.press("esc");
    assert!(desk.find("paused").is_some(), "back in the list");
}

#[test]
fn the_list_pauses_and_says_how_many_are_new() {
    let mut desk = desk(fixture::ready());
    desk.press("3 z j");
    assert!(desk.find("paused").is_some());
    request(&desk.scene, 900, 9.5, "/orders", 200);
    request(&desk.scene, 901, 9.6, "/healthz", 200);
    desk.redraw();
    assert!(
        desk.find("paused, 1 new above").is_some(),
        "{}",
        desk.text()
    );
    assert!(desk.find("/healthz").is_none(), "probes are not asked for");
    desk.press("h");
    assert!(desk.find("GET  /healthz").is_some(), "{}", desk.text());
    assert!(desk.find("newest first").is_some());
}

#[test]
fn a_filter_asks_all_parts_of_a_trace() {
    let mut desk = desk(fixture::ready());
    desk.press("3 z f c a l l e e = p a y m e n t s space a n d space e r r o r enter");
    assert!(desk.find("only callee=payments and error").is_some());
    assert!(desk.find("POST /orders").is_none(), "{}", desk.text());
    desk.press("f ctrl-u s t a t e = 5");
    assert!(desk.find("did you mean").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("only callee=payments and error").is_some());
}

#[test]
fn two_traces_are_compared() {
    let mut desk = desk(fixture::ready());
    desk.press("3 z j j c");
    assert!(desk.find("marked; c on another").is_some());
    desk.press("j c");
    assert!(desk.find("A only").is_some(), "{}", desk.text());
    assert!(desk.find("B − A").is_some());
    desk.press("esc");
    assert!(desk.find("paused").is_some());
}

#[test]
fn a_line_leads_to_its_trace_and_back() {
    let mut desk = desk(fixture::ready());
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    desk.scene.say(
        9.8,
        "web",
        Stream::Stdout,
        &format!("INFO done trace_id={id}"),
    );
    desk.press("2 enter");
    assert!(desk.find("stands in the line").is_some(), "{}", desk.text());
    assert!(desk.find("trace 4bf92f35").is_some());
    desk.press("esc");
    assert!(desk.find("following").is_some());
    request(&desk.scene, 900, 11.0, "/late", 200);
    desk.scene.say(11.01, "web", Stream::Stdout, "INFO no id");
    desk.redraw();
    desk.press("enter");
    assert!(
        desk.find("the only request under way").is_some(),
        "{}",
        desk.text()
    );
    desk.press("o");
    assert!(desk.find("they carry no id").is_some(), "{}", desk.text());
    desk.press("L");
    assert!(desk.find("it carries no id").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("they carry no id").is_some(), "back in the trace");
}

#[test]
fn the_map_tells_what_is_declared_and_what_was_seen() {
    let mut desk = desk(fixture::ready());
    desk.press("6");
    assert!(desk.find("map of services").is_some());
    assert!(
        desk.find("declared, not observed").is_some(),
        "payments to db"
    );
    assert!(
        desk.find("+ 0.4/s").is_some(),
        "orders to db: {}",
        desk.text()
    );
    assert!(desk.find("═▶ db").is_some(), "{}", desk.text());
    assert!(desk.find("╌□ seed").is_some() && desk.find("completes first").is_some());
    desk.press("j enter");
    assert!(desk.find("▌Logs  orders").is_some(), "{}", desk.text());
    desk.press("esc");
    assert!(desk.find("map of services").is_some());
    desk.press("esc");
    assert!(desk.find("▌Services").is_some(), "as it was before");
    assert!(desk.find("Logs  orders").is_some(), "who was chosen there");
}

#[test]
fn a_route_is_told_before_and_after_a_change() {
    let mut desk = desk(fixture::edited());
    desk.press("3 j enter v");
    assert!(desk.find("before").is_some(), "{}", desk.text());
    desk.press("v");
    assert!(desk.find("before ").is_none());
    let mut unchanged = self::desk(fixture::ready());
    unchanged.press("3 j enter v");
    assert!(unchanged.find("none of its services was changed").is_some());
}

#[test]
fn what_was_only_inferred_is_drawn_and_told_as_such() {
    let mut desk = desk(fixture::ready());
    request(&desk.scene, 900, 9.5, "/shop", 200);
    let telemetry = Arc::clone(&desk.scene.telemetry);
    let parent = {
        let all = telemetry.exchanges().since(0).exchanges;
        all.last().expect("the one that was just made").clone()
    };
    let mut call = (*parent).clone();
    call.trace = TraceId(901);
    call.span = SpanId(901);
    call.caller = Some(parent.callee.clone());
    call.callee = "orders".into();
    call.path = "/stock".into();
    call.took = parent.took / 4;
    call.started = parent.started + parent.took / 2;
    telemetry.exchanges().push(call);
    telemetry.join(parent.ended() + Duration::from_secs(1));
    desk.redraw();
    desk.press("3 z enter j");
    assert!(desk.find("≈ orders").is_some(), "{}", desk.text());
    assert!(
        desk.find("≈ inferred: only one in flight").is_some(),
        "{}",
        desk.text()
    );
}

#[test]
fn a_request_is_copied_sent_again_saved_and_written_to_a_file() {
    let mut desk = desk(fixture::ready());
    request(&desk.scene, 900, 9.5, "/shop?q=tea", 200);
    let telemetry = Arc::clone(&desk.scene.telemetry);
    let made = telemetry.exchanges().since(0).exchanges;
    let mut asked = (**made.last().expect("the one that was just made")).clone();
    asked.trace = TraceId(0xabcd_ef01_u128 << 96);
    asked.started += Duration::from_millis(100);
    asked.request_headers = [("host", "127.0.0.1:8080")].into_iter().collect();
    telemetry.exchanges().push(asked);
    desk.redraw();
    desk.press("3 z enter");
    assert_eq!(desk.press("Y"), None);
    let line = "copied: curl 'http://127.0.0.1:8080/shop?q=tea'";
    assert!(desk.find(line).is_some(), "{}", desk.text());
    let again = desk.press("R");
    let Some(Command::Replay { request, .. }) = &again else {
        panic!("{again:?}: {}", desk.text());
    };
    assert_eq!(request.method, "GET");
    let written = desk.press("X");
    let Some(Command::Export { traces, file, .. }) = &written else {
        panic!("{written:?}: {}", desk.text());
    };
    assert_eq!(traces.len(), 1);
    assert_eq!(file.display().to_string(), "trace-abcdef01.json");
    let saved = desk.press("S");
    let Some(Command::SaveCheck { check }) = &saved else {
        panic!("{saved:?}: {}", desk.text());
    };
    assert!(desk.find(&check.name).is_some(), "{}", desk.text());
}

#[test]
fn one_request_at_a_time_is_asked_for_and_told() {
    let mut desk = desk(fixture::ready());
    let asked = desk.press("3 o");
    assert_eq!(asked, Some(Command::Solo { on: true }));
    assert!(desk.find("  solo  ").is_none());
    desk.scene.state.solo = Switch {
        on: true,
        told: true,
    };
    desk.redraw();
    assert!(desk.find("  solo  ").is_some());
    assert_eq!(desk.press("o"), Some(Command::Solo { on: false }));
}

#[test]
fn faults_are_typed_and_told_as_long_as_they_are_in_force() {
    let mut desk = desk(fixture::ready());
    desk.press("j F");
    assert!(desk.find("faults of orders:").is_some(), "{}", desk.text());
    desk.press("2 0");
    assert!(desk.find("20 is no error").is_some(), "{}", desk.text());
    assert_eq!(desk.press("enter"), None, "what is wrong is not kept");
    desk.press("0 m s space f r o m space w e b");
    let asked = desk.press("enter");
    let Some(Command::SetFault { service, fault }) = asked else {
        panic!("{asked:?}: {}", desk.text());
    };
    assert_eq!(service.as_str(), "orders");
    assert_eq!(fault.to_string(), "from web: 200ms later");
    desk.scene.state.faults = [(service.clone(), vec![fault])].into_iter().collect();
    desk.redraw();
    assert!(desk.find("↯ faults of orders").is_some(), "{}", desk.text());
    desk.press("6");
    assert!(desk.find("↯ ").is_some(), "{}", desk.text());
    desk.press("esc 1 F");
    assert!(desk.find("from web 200ms").is_some(), "{}", desk.text());
    desk.press("ctrl-u");
    assert_eq!(
        desk.press("enter"),
        Some(Command::ClearFaults {
            service,
            from: None
        })
    );
}
