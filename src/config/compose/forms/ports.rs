//! The short form of a port: `[ADDRESS:][PUBLISHED:]CONTAINER[/PROTOCOL]`, each a number or a range.

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use serde_json::{Value, json};

use super::FormError;

const HELP: &str = "write \"CONTAINER\", \"HOST:CONTAINER\" or \"ADDRESS:HOST:CONTAINER\", either with \"/udp\" behind it";

/// The long forms of what a short form says, one for each container port, ordered as the reference orders them.
pub(in crate::config) fn ports(text: &str) -> Result<Vec<Value>, FormError> {
    let parts = Parts::of(text);
    let fault = |range: &Range<usize>, message: String| {
        FormError::new(
            if range.is_empty() {
                0..text.len()
            } else {
                range.clone()
            },
            message,
        )
        .help(HELP)
    };
    let container_text = &text[parts.container.clone()];
    let (ports, protocol) = container_text
        .split_once('/')
        .unwrap_or((container_text, ""));
    if ports.is_empty() {
        return Err(fault(
            &parts.container,
            format!("no port specified: {text}<empty>"),
        ));
    }
    let protocol = if protocol.is_empty() {
        "tcp".to_owned()
    } else {
        protocol.to_lowercase()
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        let start = parts.container.start + ports.len() + 1;
        return Err(
            fault(&(start..text.len()), format!("invalid proto: {protocol}"))
                .help("the protocols are tcp, udp and sctp"),
        );
    }
    let address =
        address(&text[parts.address.clone()]).map_err(|message| fault(&parts.address, message))?;
    let container = range(ports).ok_or_else(|| {
        fault(
            &(parts.container.start..parts.container.start + ports.len()),
            format!("invalid containerPort: {ports}"),
        )
    })?;
    let host_text = &text[parts.host.clone()];
    let host = match host_text {
        "" => None,
        host => Some(
            range(host).ok_or_else(|| fault(&parts.host, format!("invalid hostPort: {host}")))?,
        ),
    };
    let many = container.end() != container.start();
    if let Some(host) = &host
        && many
        && host.end() - host.start() != container.end() - container.start()
    {
        let message = format!(
            "invalid ranges specified for container and host Ports: {ports} and {host_text}"
        );
        return Err(fault(&(0..text.len()), message).help("both ranges must be of the same length"));
    }
    let mut targets: Vec<u16> = container.clone().collect();
    targets.sort_by_key(u16::to_string);
    let published = |target: u16| {
        let host = host.as_ref()?;
        if many || host.start() == host.end() {
            return Some((host.start() + (target - container.start())).to_string());
        }
        Some(format!("{}-{}", host.start(), host.end()))
    };
    let long = |target: u16| {
        let mut port = json!({ "mode": "ingress", "target": target, "protocol": protocol });
        if !address.is_empty() {
            port["host_ip"] = address.into();
        }
        if let Some(published) = published(target) {
            port["published"] = published.into();
        }
        port
    };
    Ok(targets.into_iter().map(long).collect())
}

/// Where the parts of a short form stand; a part that is not there is empty.
struct Parts {
    address: Range<usize>,
    host: Range<usize>,
    container: Range<usize>,
}

impl Parts {
    fn of(text: &str) -> Self {
        let Some(last) = text.rfind(':') else {
            return Self {
                address: 0..0,
                host: 0..0,
                container: 0..text.len(),
            };
        };
        let container = last + 1..text.len();
        match text[..last].rfind(':') {
            Some(middle) => Self {
                address: 0..middle,
                host: middle + 1..last,
                container,
            },
            None => Self {
                address: 0..0,
                host: 0..last,
                container,
            },
        }
    }
}

/// The address without its brackets.
fn address(text: &str) -> Result<&str, String> {
    let plain = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if plain.is_empty() || plain.parse::<IpAddr>().is_ok() {
        return Ok(plain);
    }
    Err(format!("invalid IP address: {text}"))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `ADDRESS published target/protocol` of each port, or the message.
    fn shown(text: &str) -> String {
        let part = |port: &Value, key: &str| {
            port.get(key)
                .map_or("-".to_owned(), |value| value.to_string().replace('"', ""))
        };
        match ports(text) {
            Ok(ports) => ports
                .iter()
                .map(|port| {
                    format!(
                        "{} {} {}/{}",
                        part(port, "host_ip"),
                        part(port, "published"),
                        part(port, "target"),
                        part(port, "protocol")
                    )
                })
                .collect::<Vec<_>>()
                .join(", "),
            Err(error) => format!("{} at {}", error.message, &text[error.range]),
        }
    }

    #[test]
    fn short_forms_are_read_or_refused() {
        for (text, wanted) in [
            ("80", "- - 80/tcp"),
            ("8080:80", "- 8080 80/tcp"),
            ("8080:80/UDP", "- 8080 80/udp"),
            ("127.0.0.1:8080:80", "127.0.0.1 8080 80/tcp"),
            ("127.0.0.1::80", "127.0.0.1 - 80/tcp"),
            ("[::1]:8080:80", "::1 8080 80/tcp"),
            ("::1:8080:80", "::1 8080 80/tcp"),
            ("9-11:9-11", "- 10 10/tcp, - 11 11/tcp, - 9 9/tcp"),
            ("8000-8002:80", "- 8000-8002 80/tcp"),
            ("0:80", "- 0 80/tcp"),
            ("", "no port specified: <empty> at "),
            ("8080:", "no port specified: 8080:<empty> at 8080:"),
            ("8080:/udp", "no port specified: 8080:/udp<empty> at /udp"),
            ("80/http", "invalid proto: http at http"),
            (
                "localhost:80:80",
                "invalid IP address: localhost at localhost",
            ),
            ("[::1:80:80", "invalid IP address: [::1 at [::1"),
            ("80:x", "invalid containerPort: x at x"),
            ("65536", "invalid containerPort: 65536 at 65536"),
            ("9-8:80", "invalid hostPort: 9-8 at 9-8"),
            ("+80:80", "invalid hostPort: +80 at +80"),
            (
                "80-81:80-82",
                "invalid ranges specified for container and host Ports: 80-82 and 80-81 at 80-81:80-82",
            ),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9:/.\\[\\]tcpud-]{0,20}|.{0,12}") {
            if let Err(error) = ports(&text) {
                prop_assert!(text.get(error.range).is_some());
            }
        }
    }
}
