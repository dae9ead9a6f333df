//! The short form of a port: `[ADDRESS:][PUBLISHED:]CONTAINER[/PROTOCOL]`, each a number or a range.

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use serde_json::{Value, json};

use super::FormError;

const HELP: &str = "write \"CONTAINER\", \"HOST:CONTAINER\" or \"ADDRESS:HOST:CONTAINER\", either with \"/udp\" behind it";

/// The long forms of what a short form says, one for each container port, ordered as the reference orders them.
pub(in crate::config) fn ports(text: &str) -> Result<Vec<Value>, FormError> {
    let parts = Parts::of(text);
    let short = Short::read(text, &parts).map_err(|(range, message)| {
        let whole = 0..text.len();
        FormError::new(if range.is_empty() { whole } else { range }, message).help(HELP)
    })?;
    let mut targets: Vec<u16> = short.container.clone().collect();
    targets.sort_by_key(u16::to_string);
    Ok(targets.into_iter().map(|port| short.long(port)).collect())
}

/// A short form, taken apart.
struct Short<'t> {
    address: &'t str,
    host: Option<RangeInclusive<u16>>,
    container: RangeInclusive<u16>,
    protocol: String,
}

impl<'t> Short<'t> {
    fn read(text: &'t str, parts: &Parts) -> Result<Self, (Range<usize>, String)> {
        let behind = &text[parts.container.clone()];
        let (target, protocol) = behind.split_once('/').unwrap_or((behind, ""));
        if target.is_empty() {
            let message = format!("no port specified: {text}<empty>");
            return Err((parts.container.clone(), message));
        }
        let target_end = parts.container.start + target.len();
        let protocol = match protocol {
            "" => "tcp".to_owned(),
            given => given.to_lowercase(),
        };
        if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
            let message = format!("invalid proto: {protocol}");
            return Err((target_end + 1..text.len(), message));
        }
        let address = address(&text[parts.address.clone()])
            .map_err(|message| (parts.address.clone(), message))?;
        let container = range(target).ok_or_else(|| {
            let place = parts.container.start..target_end;
            (place, format!("invalid containerPort: {target}"))
        })?;
        let published = &text[parts.host.clone()];
        let invalid = || (parts.host.clone(), format!("invalid hostPort: {published}"));
        let host = match published {
            "" => None,
            given => Some(range(given).ok_or_else(invalid)?),
        };
        let short = Self {
            address,
            host,
            container,
            protocol,
        };
        if !short.fits() {
            let message = format!(
                "invalid ranges specified for container and host Ports: {target} and {published}"
            );
            return Err((0..text.len(), message));
        }
        Ok(short)
    }

    fn is_many(&self) -> bool {
        self.container.start() != self.container.end()
    }

    /// Whether there is a port of this machine for each port of the container, if these are several.
    fn fits(&self) -> bool {
        let length = |range: &RangeInclusive<u16>| range.end() - range.start();
        let host = self.host.as_ref();
        host.is_none_or(|host| !self.is_many() || length(host) == length(&self.container))
    }

    fn long(&self, target: u16) -> Value {
        let mut port = json!({ "mode": "ingress", "target": target, "protocol": self.protocol });
        if !self.address.is_empty() {
            port["host_ip"] = self.address.into();
        }
        if let Some(host) = &self.host {
            let published = if self.is_many() || host.start() == host.end() {
                (host.start() + (target - self.container.start())).to_string()
            } else {
                format!("{}-{}", host.start(), host.end())
            };
            port["published"] = published.into();
        }
        port
    }
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
