//! Addresses for containers of our own where services have fixed ones: given out by the engine in the order of starts, such an
//! address could be a relay's by the time its service comes.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

use bollard::models::{ContainerCreateBody, EndpointIpamConfig};

use super::model::Shared;
use super::network::Networks;
use crate::stack::{Network, Stack};

impl Shared {
    /// Gives a container of our own addresses at the far end of each network on which services have fixed ones.
    pub(super) fn spare(&self, body: &mut ContainerCreateBody, networks: &Networks) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let stack = self.stack();
        let config = body.networking_config.as_mut();
        let Some(endpoints) = config.and_then(|config| config.endpoints_config.as_mut()) else {
            return;
        };
        for network in &networks.all {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let address = far_address(&stack, &network.key, number);
            if let (Some(address), Some(endpoint)) = (address, endpoints.get_mut(&network.name)) {
                endpoint.ipam_config = Some(EndpointIpamConfig {
                    ipv4_address: Some(address.to_string()),
                    ..EndpointIpamConfig::default()
                });
            }
        }
    }
}

/// The address of this number from the end of a network's range; `None` where nobody has a fixed one, or the range is not said.
fn far_address(stack: &Stack, key: &str, number: u32) -> Option<Ipv4Addr> {
    let fixed: HashSet<Ipv4Addr> = stack
        .services
        .values()
        .filter_map(|service| service.container.networks.get(key)?.ipv4_address.as_ref())
        .filter_map(|address| address.parse().ok())
        .collect();
    if fixed.is_empty() {
        return None;
    }
    let (first, size) = range(stack.networks.get(key)?)?;
    // Neither the network itself, nor its gateway, nor its broadcast.
    let mut free = (2..size.saturating_sub(1))
        .rev()
        .map(|at| Ipv4Addr::from(first + at))
        .filter(|address| !fixed.contains(address));
    // Beyond a quarter of the range it begins again: the first ones are long gone.
    let within = (size / 4).clamp(1, 1024);
    free.nth(usize::try_from(number % within).ok()?)
}

/// The first address of a network's range, and how many it has.
fn range(network: &Network) -> Option<(u32, u32)> {
    let subnets = network.ipam.pools.iter();
    let mut ranges = subnets.filter_map(|pool| {
        let (address, bits) = pool.subnet.as_ref()?.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let size = 1_u32.checked_shl(32_u32.checked_sub(bits.parse().ok()?)?)?;
        Some((u32::from(address) & !(size - 1), size))
    });
    ranges.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{AddressPool, Attachment, Ipam, Service};

    #[test]
    fn they_come_from_the_far_end_and_leave_fixed_ones_out() {
        let mut web = Service::named("web");
        let fixed = Attachment {
            ipv4_address: Some("10.5.0.254".into()),
            ..Attachment::default()
        };
        web.container.networks.insert("net".into(), fixed);
        let pool = AddressPool {
            subnet: Some("10.5.0.0/24".into()),
            ..AddressPool::default()
        };
        let network = Network {
            ipam: Ipam {
                pools: vec![pool],
                ..Ipam::default()
            },
            ..Network::default()
        };
        let mut stack = Stack::default();
        stack.services.insert(web.name.clone(), web);
        stack.networks.insert("net".into(), network);
        let at = |number| far_address(&stack, "net", number).map(|it| it.to_string());
        assert_eq!(at(0).as_deref(), Some("10.5.0.253"));
        assert_eq!(at(1).as_deref(), Some("10.5.0.252"));
        assert_eq!(at(64), at(0));
        assert_eq!(far_address(&stack, "other", 0), None);
    }
}
