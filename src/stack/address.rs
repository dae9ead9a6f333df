//! Environment values, which may name the address of another service: `{{payments.url}}`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::ServiceName;

/// Which part of another service's address is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressPart {
    /// `http://HOST:PORT`
    Url,
    /// The host alone.
    Host,
    /// The port alone.
    Port,
}

impl AddressPart {
    /// The word for it in the stack file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Host => "host",
            Self::Port => "port",
        }
    }
}

/// Where a caller reaches a callee: what `{{NAME.…}}` becomes for one particular caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Address {
    /// The asked part as text.
    pub fn part(&self, part: AddressPart) -> String {
        match part {
            AddressPart::Url if self.host.contains(':') => {
                format!("http://[{}]:{}", self.host, self.port)
            }
            AddressPart::Url => format!("http://{}:{}", self.host, self.port),
            AddressPart::Host => self.host.clone(),
            AddressPart::Port => self.port.to_string(),
        }
    }
}

/// How a run is reached from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// At its own address, at the container's port numbers.
    Host(IpAddr),
    /// At one address for each container port.
    Ports(BTreeMap<u16, SocketAddr>),
    /// At one address, whatever the port: a process.
    Only(SocketAddr),
}

impl Reach {
    /// The address for this container port.
    pub fn at(&self, port: u16) -> Option<SocketAddr> {
        match self {
            Self::Host(address) => (port != 0).then(|| SocketAddr::new(*address, port)),
            Self::Ports(ports) if port == 0 => ports.values().next().copied(),
            Self::Ports(ports) => ports.get(&port).copied(),
            Self::Only(address) => Some(*address),
        }
    }
}

/// A piece of an [`EnvValue`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fragment {
    /// Text as it stands.
    Text(String),
    /// `{{NAME.part}}`
    Address(ServiceName, AddressPart),
}

/// The value of an environment variable: text with addresses of other services still to be filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvValue(pub Vec<Fragment>);

/// Addresses stand as the stack file writes them: `{{payments.url}}`.
impl fmt::Display for EnvValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fragment| match fragment {
            Fragment::Text(text) => f.write_str(text),
            Fragment::Address(name, part) => write!(f, "{{{{{name}.{}}}}}", part.word()),
        })
    }
}

impl EnvValue {
    /// A value without addresses.
    pub fn text(value: impl Into<String>) -> Self {
        Self(vec![Fragment::Text(value.into())])
    }

    /// The services whose address this value needs.
    pub fn callees(&self) -> impl Iterator<Item = &ServiceName> {
        self.0.iter().filter_map(|fragment| match fragment {
            Fragment::Address(name, _) => Some(name),
            Fragment::Text(_) => None,
        })
    }

    /// The final text; `address_of` says where the caller reaches each callee.
    pub fn resolve(&self, mut address_of: impl FnMut(&ServiceName) -> Option<Address>) -> String {
        let mut text = String::new();
        for fragment in &self.0 {
            match fragment {
                Fragment::Text(piece) => text.push_str(piece),
                Fragment::Address(name, part) => {
                    text.push_str(
                        &address_of(name).map_or_else(String::new, |address| address.part(*part)),
                    );
                }
            }
        }
        text
    }
}
