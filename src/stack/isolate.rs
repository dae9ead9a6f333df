//! A second copy of a stack beside the first: with names, networks, volumes and ports of its own.

use super::{Naming, Protocol, ServiceName, Stack};

/// A front door of a stack as its file has it, before it was moved elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The service.
    pub service: ServiceName,
    /// Port in the container.
    pub container: u16,
    /// Port on this machine that the stack file gives it.
    pub host: Option<u16>,
}

impl Published {
    /// The port by which people know it.
    pub fn port(&self) -> u16 {
        self.host.unwrap_or(self.container)
    }
}

impl Stack {
    /// Makes this a copy that shares nothing with the stack of the file but what is external, and folders of this machine.
    /// `suffix` tells its name from that of others. Gives the front doors as they were.
    pub fn isolate(&mut self, suffix: &str) -> Vec<Published> {
        self.name = format!("{}-{suffix}", self.name);
        if let Naming::Compose(project) = &mut self.naming {
            project.project = format!("{}-{suffix}", project.project);
        }
        for network in self.networks.values_mut().filter(|it| !it.external) {
            network.name = None;
            // The same range cannot be given out twice on one machine.
            network.ipam.pools.clear();
        }
        for volume in self.volumes.values_mut().filter(|it| !it.external) {
            volume.name = None;
        }
        let mut published = Vec::new();
        for service in self.services.values_mut() {
            service.container.name = None;
            for attachment in service.container.networks.values_mut() {
                attachment.ipv4_address = None;
                attachment.ipv6_address = None;
            }
            for port in &mut service.ports {
                let host = port.host.take();
                port.further = 0;
                if port.protocol == Protocol::Tcp {
                    published.push(Published {
                        service: service.name.clone(),
                        container: port.container,
                        host,
                    });
                }
            }
        }
        published
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{
        AddressPool, Attachment, ComposeProject, Ipam, Network, PortMapping, Service, Volume,
    };

    fn port(host: u16, protocol: Protocol) -> PortMapping {
        PortMapping {
            address: [127, 0, 0, 1].into(),
            host: Some(host),
            further: 0,
            container: 80,
            protocol,
        }
    }

    #[test]
    fn nothing_of_it_is_in_the_way_of_the_first() {
        let mut web = Service::named("web");
        web.ports = vec![port(8080, Protocol::Tcp), port(5353, Protocol::Udp)];
        web.container.name = Some("the-web".into());
        let fixed = Attachment {
            ipv4_address: Some("10.5.0.2".into()),
            aliases: vec!["shop".into()],
            ..Attachment::default()
        };
        web.container.networks.insert("net".into(), fixed);
        let mut stack = Stack {
            name: "shop".into(),
            naming: Naming::Compose(ComposeProject {
                project: "shop".into(),
                ..ComposeProject::default()
            }),
            ..Stack::default()
        };
        let network = |external| Network {
            name: Some("its-name".into()),
            external,
            ipam: Ipam {
                pools: vec![AddressPool::default()],
                ..Ipam::default()
            },
            ..Network::default()
        };
        stack.networks.insert("net".into(), network(false));
        stack.networks.insert("out".into(), network(true));
        let volume = |external| Volume {
            name: Some("its-name".into()),
            external,
            ..Volume::default()
        };
        stack.volumes.insert("data".into(), volume(false));
        stack.volumes.insert("kept".into(), volume(true));
        stack.services.insert("web".into(), web);

        let published = stack.isolate("two");
        let doors: Vec<(&str, u16)> = published
            .iter()
            .map(|it| (it.service.as_str(), it.port()))
            .collect();
        assert_eq!(doors, [("web", 8080)]);
        assert_eq!(stack.name, "shop-two");
        let Naming::Compose(project) = &stack.naming else {
            panic!("it is named as before");
        };
        assert_eq!(project.project, "shop-two");
        let web = &stack.services["web"];
        assert!(web.ports.iter().all(|port| port.host.is_none()));
        assert_eq!(web.container.name, None);
        let attachment = &web.container.networks["net"];
        assert_eq!(attachment.ipv4_address, None);
        assert_eq!(attachment.aliases, ["shop"]);
        let name = |key: &str| stack.networks[key].name.as_deref();
        assert_eq!((name("net"), name("out")), (None, Some("its-name")));
        assert!(stack.networks["net"].ipam.pools.is_empty());
        let name = |key: &str| stack.volumes[key].name.as_deref();
        assert_eq!((name("data"), name("kept")), (None, Some("its-name")));
    }
}
