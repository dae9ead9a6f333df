//! `ports` and `expose`.

use std::net::{IpAddr, Ipv4Addr};

use super::super::super::problem::Place;
use super::super::node::Node;
use super::Mapping;
use super::get;
use crate::stack::{PortMapping, Protocol};

/// The front doors of a service. Where the file gives no address, they are on 127.0.0.1: Compose means every address of
/// this machine, which Boatyard opens only when that is written. Each with its place, if it has one.
pub(super) fn doors(
    service: &Node,
    mapping: &mut Mapping<'_>,
) -> Vec<(PortMapping, Option<Place>)> {
    let ports = service.get("ports").map(Node::members).unwrap_or_default();
    ports
        .iter()
        .filter_map(|port| Some((door(port, mapping)?, port.at.place())))
        .collect()
}

fn door(port: &Node, mapping: &mut Mapping<'_>) -> Option<PortMapping> {
    let protocol = match port.text_of("protocol").unwrap_or("tcp") {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        other => {
            let message = format!("a port of protocol {other} is not published");
            mapping.warning(&port.at, message, "Boatyard publishes tcp and udp");
            return None;
        }
    };
    let container = u16::try_from(get::integer(port, "target")?).ok()?;
    let address = match port.text_of("host_ip") {
        None | Some("") => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(text) => text.trim_matches(['[', ']']).parse().ok()?,
    };
    let published = get::text(port, "published").unwrap_or_default();
    let (host, further) = published_ports(&published);
    Some(PortMapping {
        address,
        host,
        further,
        container,
        protocol,
    })
}

/// The port of this machine, and how many above it will do as well.
fn published_ports(text: &str) -> (Option<u16>, u16) {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let host = first.parse().ok().filter(|port: &u16| *port > 0);
    let last: u16 = last.parse().unwrap_or(0);
    (host, host.map_or(0, |first| last.saturating_sub(first)))
}

/// The further TCP ports it listens on.
pub(super) fn exposed(service: &Node) -> Vec<u16> {
    let mut ports = Vec::new();
    for text in get::texts(service, "expose") {
        let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let ("tcp", Ok(first), Ok(last)) = (protocol, first.parse::<u16>(), last.parse()) {
            ports.extend(first..=last);
        }
    }
    ports.retain(|port| *port > 0);
    ports
}
