//! An exchange's request as a line for the shell.

use std::fmt::Write as _;

use super::exchange::{Exchange, ExchangeStatus};
use super::repeat::{MASK, belongs_to_hop, belongs_to_trace};

/// A line for a POSIX shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Curl {
    /// `curl` with its arguments, quoted. It may have several lines where values have.
    pub line: String,
    /// What the reader has to know or to fill in, a sentence each.
    pub notes: Vec<String>,
}

/// The request of an exchange as a line that sends it again; `None` for connections of bytes, which are no requests.
///
/// `base`: where the callee is reached, without a path (`http://127.0.0.1:8080`); `None`: as its caller reached it on the
/// stack's network. Headers that belong to one connection, to a trace or to the body's length are left out, `curl` makes
/// its own. Masked values become placeholders, and a body that was not kept whole a file's name; `notes` names them.
pub fn curl(exchange: &Exchange, base: Option<&str>) -> Option<Curl> {
    if !is_http(exchange) {
        return None;
    }
    let mut notes = Vec::new();
    let mut words: Vec<String> = vec!["curl".into()];
    let is_grpc = exchange.method == "gRPC";
    if is_grpc {
        words.push("--http2-prior-knowledge".into());
    }
    let asked = body(exchange, &mut notes);
    method(exchange, asked.is_some(), &mut words);
    url(exchange, base, &mut words, &mut notes);
    headers(exchange, base, &mut words, &mut notes);
    let mut before = String::new();
    match asked {
        None => {}
        Some(Asked::Text(text)) => words.extend(["--data-raw".into(), quoted(&text)]),
        Some(Asked::Bytes(bytes)) => {
            before = format!("printf {} | ", octal(&bytes));
            words.extend(["--data-binary".into(), "@-".into()]);
        }
        Some(Asked::Elsewhere) => words.extend(["--data-binary".into(), "@body".into()]),
    }
    if is_grpc {
        words.extend(["--output".into(), "-".into()]);
    }
    Some(Curl {
        line: format!("{before}{}", words.join(" ")),
        notes,
    })
}

/// A word of a POSIX shell's line that stands for this text, which must not have a NUL.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A body as it can be given.
enum Asked {
    Text(String),
    Bytes(Vec<u8>),
    /// In a file that the reader makes.
    Elsewhere,
}

fn is_http(exchange: &Exchange) -> bool {
    let is_bytes = matches!(exchange.method.as_str(), "TCP" | "TLS" | "CONNECT");
    !is_bytes && (exchange.status != ExchangeStatus::Bytes || exchange.path.starts_with('/'))
}

fn body(exchange: &Exchange, notes: &mut Vec<String>) -> Option<Asked> {
    let head = &exchange.request_body;
    let is_whole = !head.truncated && !head.withheld;
    if is_whole && head.bytes.is_empty() {
        if exchange.request_bytes == 0 {
            return None;
        }
        notes.push("its body was not kept: put it into the file \"body\"".into());
        return Some(Asked::Elsewhere);
    }
    if head.withheld {
        notes.push(
            "its body was not kept, because it is compressed and secrets could not be masked in it: put it into the \
             file \"body\""
                .into(),
        );
        return Some(Asked::Elsewhere);
    }
    if head.truncated {
        notes.push(format!(
            "only {} of the {} bytes of its body were kept: put all of it into the file \"body\"",
            head.bytes.len(),
            exchange.request_bytes
        ));
        return Some(Asked::Elsewhere);
    }
    Some(match std::str::from_utf8(&head.bytes) {
        Ok(text) if !text.contains('\0') => {
            if text.contains(MASK) {
                notes.push(format!("its body has masked values, which stand as {MASK}"));
            }
            Asked::Text(text.to_owned())
        }
        _ => Asked::Bytes(head.bytes.to_vec()),
    })
}

fn method(exchange: &Exchange, has_body: bool, words: &mut Vec<String>) {
    let method = match exchange.method.as_str() {
        "gRPC" => "POST",
        other => other,
    };
    match (method, has_body) {
        ("HEAD", false) => words.push("--head".into()),
        ("GET", false) | ("POST", true) => {}
        _ => words.extend(["-X".into(), quoted(method)]),
    }
}

fn url(exchange: &Exchange, base: Option<&str>, words: &mut Vec<String>, notes: &mut Vec<String>) {
    let host = || exchange.request_headers.get("host");
    let base = match base {
        Some(base) => base.trim_end_matches('/').to_owned(),
        None => format!(
            "http://{}",
            host().map_or(exchange.callee.as_str(), |host| host)
        ),
    };
    let path = exchange.path.replace(MASK, "<masked>");
    if path != exchange.path {
        notes.push("its path has masked values: put them in place of <masked>".into());
    }
    // curl reads braces and brackets as patterns, and takes dots out of paths, unless it is told not to.
    if path.contains(['[', ']', '{', '}']) {
        words.push("--globoff".into());
    }
    if path.contains("/.") {
        words.push("--path-as-is".into());
    }
    if path.starts_with('/') {
        words.push(quoted(&format!("{base}{path}")));
    } else {
        words.extend(["--request-target".into(), quoted(&path), quoted(&base)]);
    }
}

fn headers(
    exchange: &Exchange,
    base: Option<&str>,
    words: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    let headers = &exchange.request_headers;
    let authority = base.map(|base| {
        base.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or(base)
    });
    for (name, value) in headers.iter() {
        if name.starts_with(':') || belongs_to_hop(headers, name) || belongs_to_trace(name) {
            continue;
        }
        if name.eq_ignore_ascii_case("accept-encoding") {
            // It asks for the same and unpacks the answer.
            words.push("--compressed".into());
            continue;
        }
        if name.eq_ignore_ascii_case("host") && authority.is_none_or(|known| known == value) {
            continue;
        }
        let shown = value.replace(MASK, &format!("<{name}>"));
        if shown != value {
            notes.push(format!(
                "{name} is masked: put its value in place of <{name}>"
            ));
        }
        // An empty header is one that curl is told not to send, unless a semicolon ends it.
        let line = match shown.as_str() {
            "" => format!("{name};"),
            shown => format!("{name}: {shown}"),
        };
        words.extend(["-H".into(), quoted(&line.replace('\0', ""))]);
    }
    if !exchange.request_body.is_none() && headers.get("content-type").is_none() {
        // Otherwise curl says that it is a form.
        words.extend(["-H".into(), "content-type:".into()]);
    }
}

/// The bytes as a format of `printf`.
fn octal(bytes: &[u8]) -> String {
    let mut format = String::with_capacity(bytes.len() * 4);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(format, "\\{byte:03o}");
    }
    quoted(&format)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::super::exchange_fixture::exchange;
    use super::super::{BodyHead, Headers};
    use super::*;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Exchange {
        let mut exchange = exchange(1, 1, None, "orders");
        exchange.method = method.into();
        exchange.path = path.into();
        exchange.request_headers = headers.iter().copied().collect::<Headers>();
        exchange.request_body = BodyHead {
            bytes: body.into(),
            ..BodyHead::default()
        };
        exchange.request_bytes = body.len() as u64;
        exchange
    }

    /// What a real shell makes of the line's arguments, without `curl` itself.
    fn arguments(line: &str) -> Vec<String> {
        let rest = line.strip_prefix("curl ").expect("it calls curl");
        let output = Command::new("sh")
            .args(["-c", &format!("printf '%s\\0' {rest}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(Into::into).collect()
    }

    #[test]
    fn a_request_is_sent_as_it_was() {
        let headers = [
            ("host", "127.0.0.1:8080"),
            ("content-type", "application/json"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("content-length", "21"),
            ("traceparent", "00-1-2-01"),
            ("X-B3-TraceId", "1"),
            ("accept-encoding", "gzip"),
            ("x-name", "O'Brien & \"sons\""),
            ("x-empty", ""),
        ];
        let body = br#"{"sku": "tea's $HOME"}"#;
        let made = curl(
            &asked("POST", "/orders?a=1&b=[2]", &headers, body),
            Some("http://127.0.0.1:8080"),
        )
        .unwrap();
        assert_eq!(
            arguments(&made.line),
            [
                "--globoff",
                "http://127.0.0.1:8080/orders?a=1&b=[2]",
                "-H",
                "content-type: application/json",
                "--compressed",
                "-H",
                "x-name: O'Brien & \"sons\"",
                "-H",
                "x-empty;",
                "--data-raw",
                r#"{"sku": "tea's $HOME"}"#,
            ]
        );
        assert!(made.notes.is_empty());
    }

    #[test]
    fn secrets_become_placeholders_that_are_told() {
        let headers = [("authorization", "***"), ("x-key", "my-***!")];
        let made = curl(&asked("DELETE", "/a/***", &headers, b""), None).unwrap();
        assert_eq!(
            arguments(&made.line),
            [
                "-X",
                "DELETE",
                "http://orders/a/<masked>",
                "-H",
                "authorization: <authorization>",
                "-H",
                "x-key: my-<x-key>!"
            ]
        );
        assert_eq!(made.notes.len(), 3, "{:?}", made.notes);
        assert!(!made.line.contains(MASK));
    }

    #[test]
    fn methods_bodies_and_hosts() {
        let line = |exchange: &Exchange, base| curl(exchange, base).unwrap();
        let inside = asked("GET", "/", &[("host", "orders:8000")], b"");
        assert_eq!(line(&inside, None).line, "curl http://orders:8000/");
        assert_eq!(
            line(&inside, Some("http://127.0.0.1:1/")).line,
            "curl http://127.0.0.1:1/ -H 'host: orders:8000'"
        );
        assert_eq!(
            line(&asked("HEAD", "/a/../b", &[], b""), None).line,
            "curl --head --path-as-is http://orders/a/../b"
        );
        assert_eq!(
            line(&asked("OPTIONS", "*", &[], b""), None).line,
            "curl -X OPTIONS --request-target '*' http://orders"
        );
        assert_eq!(
            line(&asked("POST", "/", &[], b""), None).line,
            "curl -X POST http://orders/"
        );
        let binary = line(&asked("PUT", "/", &[], b"a\x00\xff%"), None).line;
        assert_eq!(
            binary,
            "printf '\\141\\000\\377\\045' | curl -X PUT http://orders/ -H content-type: --data-binary @-"
        );
        let mut long = asked("POST", "/", &[], b"abc");
        long.request_body.truncated = true;
        long.request_bytes = 99_999;
        let made = line(&long, None);
        assert!(made.line.ends_with("--data-binary @body"), "{}", made.line);
        assert!(
            made.notes[0].contains("3 of the 99999 bytes"),
            "{:?}",
            made.notes
        );
        let mut bytes = asked("TCP", "", &[], b"");
        bytes.status = ExchangeStatus::Bytes;
        assert_eq!(curl(&bytes, None), None);
        let call = line(&asked("gRPC", "/shop.Orders/Get", &[], b"\0\0\0\0\0"), None).line;
        assert!(
            call.contains("curl --http2-prior-knowledge http://orders/shop.Orders/Get"),
            "{call}"
        );
    }

    #[test]
    fn binary_bodies_come_out_of_the_shell_as_they_were() {
        let all: Vec<u8> = (0..=255).collect();
        let output = Command::new("sh")
            .args(["-c", &format!("printf {}", octal(&all))])
            .output()
            .unwrap();
        assert_eq!(output.stdout, all);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_texts_come_out_of_the_shell_as_they_were(
            texts in prop::collection::vec("[^\0]{0,24}|['\"$`\\\\!*? \n\t;&|<>(){}~#=-]{0,12}", 1..12)
        ) {
            let words: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            let shown = arguments(&format!("curl {}", words.join(" ")));
            prop_assert_eq!(shown, texts);
        }

        #[test]
        fn any_request_makes_a_line_with_its_url_and_body(
            path in "/[^\0]{0,20}",
            name in "x-[a-z]{1,9}",
            value in "[^\0\r\n*]{1,20}",
            body in "[^\0*]{1,30}",
        ) {
            let exchange = asked("POST", &path, &[(&name, &value)], body.as_bytes());
            let made = curl(&exchange, Some("http://127.0.0.1:8080")).unwrap();
            let arguments = arguments(&made.line);
            let url = format!("http://127.0.0.1:8080{}", path.replace(MASK, "<masked>"));
            prop_assert!(arguments.contains(&url));
            prop_assert_eq!(arguments.last(), Some(&body));
            let header = format!("{name}: {value}");
            prop_assert!(belongs_to_trace(&name) || arguments.contains(&header));
        }
    }
}
