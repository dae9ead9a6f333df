//! `ports` and `expose`: which ports of this machine lead where.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use crate::stack::{PortMapping, Protocol};

use super::item::Item;
use super::scope::Scope;
use super::tree::{Span, Value};

/// The front doors of a service, each with its place in the file.
pub(super) fn read(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<(PortMapping, Span)> {
    let Some(members) = item.list(scope) else {
        return Vec::new();
    };
    let mut ports = Vec::new();
    for member in members {
        let found = match &member.node.value {
            Value::Text(text) => parse(text).map_err(|why| member.invalid(&why, scope)).ok(),
            Value::Integer(_) => member.port(scope).map(|port| vec![any_host_port(port)]),
            Value::Table(_) => long(&member, scope).map(|port| vec![port]),
            _ => {
                member.expected("a port such as \"8080:80\"", scope);
                None
            }
        };
        let found = found.into_iter().flatten();
        ports.extend(found.map(|port| (port, member.span().clone())));
    }
    ports
}

/// The container ports of `expose`: numbers, or texts such as `"8000"`, `"8000-8003"` and `"8000/tcp"`.
pub(super) fn read_expose(item: &Item<'_>, scope: &mut Scope<'_>) -> Vec<u16> {
    let mut ports = Vec::new();
    for member in item.one_or_more() {
        match &member.node.value {
            Value::Text(text) => match parse_exposed(text) {
                Ok(found) => ports.extend(found),
                Err(why) => member.invalid(&why, scope),
            },
            _ => ports.extend(member.port(scope)),
        }
    }
    ports
}

fn any_host_port(container: u16) -> PortMapping {
    PortMapping {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host: None,
        further: 0,
        container,
        protocol: Protocol::Tcp,
    }
}

/// Compose's long form.
fn long(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<PortMapping> {
    let mut section = item.section(item.what.clone(), scope)?;
    let target = section.need("target", scope);
    let published = section.take("published");
    let address = section.take("host_ip");
    let protocol = section.take("protocol");
    let hints = [
        ("mode", "there is only one mode here; leave it out"),
        ("name", "ports have no names here; leave it out"),
        (
            "app_protocol",
            "the relay finds out by itself; leave it out",
        ),
        ("host", "did you mean \"published\"?"),
        ("container", "did you mean \"target\"?"),
    ];
    section.finish(&hints, scope);
    let mut port = any_host_port(target?.port(scope)?);
    if let Some(published) = published {
        port.host = match &published.node.value {
            Value::Text(text) => {
                let found = number(text).map_err(|why| published.invalid(&why, scope));
                Some(found.ok()?)
            }
            _ => Some(published.port(scope)?),
        };
    }
    if let Some(address) = address {
        let text = address.text(scope)?;
        let Ok(parsed) = text.parse() else {
            address.invalid(&format!("\"{text}\" is not an IP address"), scope);
            return None;
        };
        port.address = parsed;
    }
    if let Some(protocol) = protocol {
        port.protocol =
            protocol.choice(&[("tcp", Protocol::Tcp), ("udp", Protocol::Udp)], scope)?;
    }
    Some(port)
}

/// Reads Compose's short form: `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, with ranges of equal length.
pub(super) fn parse(text: &str) -> Result<Vec<PortMapping>, String> {
    let (numbers, protocol) = split_protocol(text)?;
    let (address, host, container) = split_parts(numbers);
    let address = match address {
        "" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        text => text
            .trim_matches(['[', ']'])
            .parse()
            .map_err(|_| format!("\"{text}\" is not an IP address"))?,
    };
    let container = range(container)?;
    let host = match host {
        "" => None,
        text => Some(range(text)?),
    };
    if let Some(host) = &host
        && host.len() != container.len()
    {
        return Err(if container.len() == 1 {
            format!("several host ports cannot lead to one container port in \"{text}\"; name one")
        } else {
            format!("the two ranges of \"{text}\" differ in length")
        });
    }
    let mut hosts = host.into_iter().flatten();
    let mapping = |container| PortMapping {
        address,
        host: hosts.next(),
        further: 0,
        container,
        protocol,
    };
    Ok(container.map(mapping).collect())
}

/// Reads a container port or range, with a protocol.
fn parse_exposed(text: &str) -> Result<Vec<u16>, String> {
    let (numbers, protocol) = split_protocol(text)?;
    let ports = range(numbers)?;
    Ok(match protocol {
        Protocol::Tcp => ports.collect(),
        Protocol::Udp => Vec::new(),
    })
}

fn split_protocol(text: &str) -> Result<(&str, Protocol), String> {
    match text.trim().split_once('/') {
        None => Ok((text.trim(), Protocol::Tcp)),
        Some((numbers, "tcp")) => Ok((numbers, Protocol::Tcp)),
        Some((numbers, "udp")) => Ok((numbers, Protocol::Udp)),
        Some((_, other)) => Err(format!(
            "the protocol \"{other}\" is not known; use tcp or udp"
        )),
    }
}

/// Address, host part and container part; a part that is not there is empty.
fn split_parts(text: &str) -> (&str, &str, &str) {
    let Some((front, container)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match front.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", front, container),
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("the range \"{text}\" ends before it begins"));
    }
    Ok(first..=last)
}

fn number(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ if text.is_empty() => Err("a port number is missing".into()),
        _ => Err(format!("\"{text}\" is not a port (1 to 65535)")),
    }
}
