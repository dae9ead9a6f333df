//! The filter language, asked of lines and of exchanges.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::stack::ServiceName;
use crate::telemetry::{ExchangeStatus, Headers, Level, NewLine, SpanId, Stream, TraceId};

fn line(service: &str, stream: Stream, text: &str) -> LogLine {
    LogLine {
        of: None,
        seq: 0,
        level: Level::of_line(text.as_bytes()),
        line: NewLine {
            service: service.into(),
            run: 3,
            at: Timestamp::UNIX_EPOCH,
            stream,
            bytes: text.into(),
        },
    }
}

fn exchange(caller: Option<&str>, status: ExchangeStatus, millis: u64) -> Exchange {
    Exchange {
        trace: TraceId(0x4bf9_2f35 << 96),
        span: SpanId(1),
        parent: None,
        caller: caller.map(ServiceName::from),
        callee: "orders".into(),
        run: 3,
        method: "POST".into(),
        path: "/orders?sku=tea".into(),
        status,
        started: Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(millis),
        held: Duration::ZERO,
        request_bytes: 0,
        response_bytes: 10,
        request_headers: Headers::default(),
        response_headers: Headers::default(),
        request_body: crate::telemetry::BodyHead::default(),
        response_body: crate::telemetry::BodyHead::default(),
        injected: None,
    }
}

#[test]
fn faults_are_asked_for_by_their_kind() {
    let suffered = |words: Option<&str>| Exchange {
        injected: words.map(Into::into),
        ..exchange(Some("web"), ExchangeStatus::Http(200), 7)
    };
    let passes = |words, filter: &str| {
        let asked = Filter::parse(filter).unwrap_or_else(|wrong| panic!("{filter}: {wrong}"));
        asked.matches_exchange(&suffered(words))
    };
    for (words, kinds) in [
        (Some("200 ms later"), &["latency"][..]),
        (Some("200 ms later, answered 503"), &["latency", "error"]),
        (Some("broken off"), &["abort"]),
        (
            Some("5 ms later, at most 1 kB/s"),
            &["latency", "bandwidth"],
        ),
        (None, &[]),
    ] {
        for kind in ["latency", "error", "abort", "bandwidth"] {
            let has = kinds.contains(&kind);
            assert_eq!(
                passes(words, &format!("fault={kind}")),
                has,
                "{words:?} {kind}"
            );
            assert_eq!(
                passes(words, &format!("fault!={kind}")),
                !has,
                "{words:?} {kind}"
            );
        }
        assert_eq!(passes(words, "fault=error,bandwidth"), kinds.len() == 2);
        assert_eq!(passes(words, "fault"), words.is_some(), "{words:?}");
        assert_eq!(passes(words, "service=orders not FAULT"), words.is_none());
        assert!(!passes(words, "\"fault\""), "in quotes it is a text");
    }
    assert!(passes(Some("answered 503"), "fault~50[0-9]"));
    let said = line("web", Stream::Stdout, "segmentation fault");
    assert!(Filter::parse("fault").unwrap().matches_line(&said));
    assert!(!Filter::parse("fault=error").unwrap().matches_line(&said));
    for wrong in ["fault=slow", "fault>1", "fault~("] {
        let why = Filter::parse(wrong).unwrap_err().to_string();
        assert!(
            wrong != "fault=slow" || why.contains("latency, error, abort"),
            "{why}"
        );
    }
}

#[test]
fn fields_of_lines_are_asked_for_by_name() {
    let json =
        r#"{"level":"info","msg":"paid","user":{"id":17,"name":"Ann Lee"},"took":"1.5s","ms":120}"#;
    let access = r#"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 503 17"#;
    for (text, filter, passes) in [
        (json, "field.user.id=17", true),
        (json, "field.user.id=17.0", true),
        (json, "field.user.id=16,17", true),
        (json, "field.user.id!=17", false),
        (json, "field.user.name=\"ann lee\"", true),
        (json, "field.user.name~^Ann", true),
        (json, "field.ms>100", true),
        (json, "field.ms>=120 and field.ms<120.5", true),
        (json, "field.ms>1s", false),
        (json, "field.took>1000", true),
        (json, "field.nobody=1", false),
        (json, "not field.nobody=1", true),
        (json, "field.message=paid", true),
        (access, "field.status>=500", true),
        (access, "field.client=10.0.0.1", true),
        ("level=info msg=x order-id=7", "field.order-id=7", true),
        ("no field here", "field.order-id=7", false),
    ] {
        let line = line("web", Stream::Stdout, text);
        let asked = Filter::parse(filter).unwrap_or_else(|wrong| panic!("{filter}: {wrong}"));
        assert_eq!(asked.matches_line(&line), passes, "{filter}");
    }
    for wrong in ["field.x>many", "field.=1", "field.x~("] {
        assert!(Filter::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn lines_pass_or_not() {
    let warn = line(
        "orders",
        Stream::Stderr,
        "WARN payment \x1b[31mretry\x1b[0m 1/3 (late) id=4bf92f35",
    );
    for (filter, passes) in [
        ("", true),
        ("  ", true),
        ("payment", true),
        ("PAYMENT", true),
        ("payment retry", true),
        ("\"payment retry\"", true),
        ("\"retry payment\"", false),
        ("'payment retry'", true),
        ("nothing", false),
        ("not nothing", true),
        ("!nothing", true),
        ("! nothing", true),
        ("service=orders", true),
        ("SERVICE=Orders", true),
        ("service=web,orders", true),
        ("service!=orders", false),
        ("service~^ord", true),
        ("service!~^ord", false),
        ("level=warn", true),
        ("level=info,warn", true),
        ("level>=warn", true),
        ("level>warn", false),
        ("level<error", true),
        ("level!=warn", false),
        ("level>=warning", true),
        ("stream=stderr", true),
        ("stream=stdout", false),
        ("run=3", true),
        ("run>3", false),
        (r"~retry\s\d/3", true),
        ("~(late|early)", true),
        ("(~(late|early))", true),
        ("~Retry", false),
        ("?pyrt", true),
        ("?PyRt", true),
        ("!?pyrt", false),
        ("?rtpy", false),
        ("(?pyrt level=warn)", true),
        ("?\"pay rt\"", true),
        ("\"?pyrt\"", false),
        ("(late)", true),
        ("\"(late)\"", true),
        ("nothing or payment", true),
        ("nothing or payment nothing", false),
        ("(nothing or payment) retry", true),
        ("payment and retry and not (nothing)", true),
        ("status>=500", false),
        ("not status>=500", true),
        ("trace=4BF92F", true),
        ("orange or android", false),
        ("notpayment", false),
        ("1/3", true),
    ] {
        let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(parsed.matches_line(&warn), passes, "{filter}");
    }
}

#[test]
fn exchanges_pass_or_not() {
    let failed = exchange(Some("web"), ExchangeStatus::Http(503), 120);
    for (filter, passes) in [
        ("status>=500", true),
        ("status=503", true),
        ("status=5xx", true),
        ("status!=5xx", false),
        ("status=4xx", false),
        ("ms>100", true),
        ("ms>0.12s", false),
        ("ms>=120ms and ms<1m", true),
        ("method=POST", true),
        ("method=get", false),
        ("path~^/orders", true),
        ("path=/orders", false),
        ("caller=web", true),
        ("callee=orders", true),
        ("service=web", true),
        ("service=orders", true),
        ("trace=4bf9", true),
        ("bytes=10", true),
        ("held=0", true),
        ("sku=tea", true),
        ("\"sku=tea\"", true),
        ("~tea$", false),
        ("?porders", true),
        ("?postte 503", true),
        ("?tea/orders", false),
        ("level>=warn", false),
        ("status>=500 or ms>1000", true),
    ] {
        // `sku` is no field, so that the bare form is refused; the quoted one is a text.
        match Filter::parse(filter) {
            Ok(parsed) => assert_eq!(parsed.matches_exchange(&failed), passes, "{filter}"),
            Err(_) => assert_eq!(filter, "sku=tea"),
        }
    }
    let passes = |filter: &str, exchange: &Exchange| {
        Filter::parse(filter).unwrap().matches_exchange(exchange)
    };
    let unreachable = exchange(None, ExchangeStatus::Failed("connection refused".into()), 1);
    assert!(passes("status>=500 caller=outside refused", &unreachable));
    let call = exchange(None, ExchangeStatus::Grpc(14), 1);
    assert!(passes(
        "status>=500 status=503 unavailable ~\\b14\\b",
        &call
    ));
    assert!(passes(
        "status=404",
        &exchange(None, ExchangeStatus::Grpc(5), 1)
    ));
    assert!(passes(
        "status=2xx",
        &exchange(None, ExchangeStatus::Grpc(0), 1)
    ));
    let open = exchange(None, ExchangeStatus::Open, 1);
    assert!(!passes("status<500", &open) && !passes("status>=500", &open));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (filter, at, message) in [
        ("a (b", 2, "this parenthesis is not closed"),
        ("a b)", 3, "there is nothing that this parenthesis closes"),
        ("a and", 5, "something to look for is missing here"),
        ("a or", 4, "something to look for is missing here"),
        ("or a", 0, "something to look for is missing here"),
        ("()", 1, "something to look for is missing here"),
        ("not", 3, "something to look for is missing here"),
        ("service=", 8, "a value is missing here"),
        ("x \"open", 2, "this quote is not closed"),
        (
            "level>=loud",
            7,
            "there is no level loud; levels are trace, debug, info, warn, error, fatal",
        ),
        (
            "status>=lots",
            8,
            "status is a number, and \"lots\" is none",
        ),
        ("ms>1year", 3, "ms is a number, and \"1year\" is none"),
        (
            "service>a",
            8,
            "a name has no order; use = or ~ instead of >",
        ),
        (
            "status~5",
            7,
            "status is a number; use = or < or > instead of ~",
        ),
        ("a ~(b", 2, "unclosed group"),
        ("a ?", 3, "a value is missing here"),
        ("a ?\" \"", 2, "letters to look for are missing here"),
        (
            "trace=xyz",
            6,
            "a trace's id is hexadecimal, and \"xyz\" is not",
        ),
    ] {
        let error = Filter::parse(filter).unwrap_err();
        assert_eq!(
            (error.at, error.message.as_str()),
            (at, message),
            "{filter}"
        );
    }
    let typo = Filter::parse("a servce=orders").unwrap_err();
    assert!(
        typo.at == 2 && typo.message.contains("did you mean service?"),
        "{typo}"
    );
    let unknown = Filter::parse("sku=tea").unwrap_err();
    assert!(
        unknown.message.contains("write it in quotes: \"sku=…\""),
        "{unknown}"
    );
    let deep = "(".repeat(100_000);
    assert!(Filter::parse(&deep).is_err());
    assert!(Filter::parse(&"!".repeat(100_000)).is_err());
}

#[test]
fn every_field_can_be_asked_for() {
    for (field, meaning) in Filter::FIELDS {
        let value = match *field {
            "level" => "info",
            "fault" => "latency",
            _ => "1",
        };
        assert!(
            Filter::parse(&format!("{field}={value}")).is_ok(),
            "{field}"
        );
        assert!(!meaning.is_empty());
    }
}

proptest! {
    #[test]
    fn anything_can_be_typed(text in "\\PC{0,40}", odd in "[()!~\"' a=<>or]{0,30}") {
        let said = line("orders", Stream::Stdout, "INFO text");
        for text in [text, odd] {
            match Filter::parse(&text) {
                Ok(filter) => drop(filter.matches_line(&said)),
                Err(error) => prop_assert!(error.at <= text.len()),
            }
        }
    }

    #[test]
    fn a_quoted_text_is_found_as_it_stands(text in "[ -~]{1,20}") {
        let quoted = format!("\"{}\"", text.replace('"', "\\\""));
        // A backslash just before a quote belongs to the quote.
        prop_assume!(!text.contains("\\\"") && !text.ends_with('\\'));
        let said = line("orders", Stream::Stdout, &format!("before {text} after"));
        prop_assert!(Filter::parse(&quoted).unwrap().matches_line(&said));
    }
}

#[test]
fn codes_of_grpc_and_failures_are_found() {
    let mut call = crate::telemetry::exchange_fixture::exchange(1, 1, None, "stock");
    call.status = ExchangeStatus::Grpc(14);
    for (filter, expected) in [
        ("grpc=14", true),
        ("grpc=unavailable", true),
        ("grpc=0,14", true),
        ("grpc=5", false),
        ("error", true),
        ("(error)", true),
        ("\"error\"", false),
        ("not error", false),
        ("Error and callee=stock", true),
        ("caller=outside", true),
    ] {
        let found = Filter::parse(filter).unwrap().matches_exchange(&call);
        assert_eq!(found, expected, "{filter}");
    }
    call.status = ExchangeStatus::Http(200);
    assert!(
        !Filter::parse("grpc=14 or error")
            .unwrap()
            .matches_exchange(&call)
    );
}
