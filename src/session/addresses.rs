//! Where each service reaches the others, and the relays that make it so.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::Event;
use crate::proxy::{DoorError, Doors, Edge};
use crate::stack::{Address, Naming, Protocol, Runtime, Service, ServiceName, Stack};
use crate::telemetry::Telemetry;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The doors of a session: the world opens edges, a reload opens and closes front doors.
pub(super) struct SharedDoors {
    doors: Mutex<Doors>,
    telemetry: Arc<Telemetry>,
}

impl SharedDoors {
    pub(super) fn new(doors: Doors, telemetry: Arc<Telemetry>) -> Self {
        Self {
            doors: Mutex::new(doors),
            telemetry,
        }
    }

    /// The doors. Keep the guard for one call.
    pub(super) fn lock(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the views where the front doors of this stack are.
    fn tell(&self, stack: &Stack) {
        let open: Vec<_> = {
            let doors = self.lock();
            let wanted = front_doors(stack).into_iter();
            wanted
                .filter_map(|(edge, _)| {
                    let address = doors.address(&edge)?;
                    Some((edge.callee, edge.port, address))
                })
                .collect()
        };
        self.telemetry.whereabouts().set_doors(open);
        self.telemetry.touch();
    }

    /// Where an edge's door was asked for, and where it is, if it is open.
    fn place(&self, edge: &Edge) -> Option<(SocketAddr, SocketAddr)> {
        let doors = self.lock();
        doors.wanted(edge).zip(doors.address(edge))
    }

    /// All edges that have an open door.
    pub(super) fn edges(&self) -> Vec<Edge> {
        self.lock().all().map(|(edge, _)| edge.clone()).collect()
    }

    /// Closes a door, and does not wait for what still passes through it.
    pub(super) fn close(&self, edge: &Edge) {
        // The port is free a moment later; nobody here waits for it.
        drop(self.lock().close(edge));
    }
}

/// The front doors that a stack wants, and the addresses they want.
pub(super) fn front_doors(stack: &Stack) -> Vec<(Edge, SocketAddr)> {
    let doors = stack.services.values().flat_map(|service| {
        let tcp = service
            .ports
            .iter()
            .filter(|port| port.protocol == Protocol::Tcp);
        tcp.map(|port| {
            let edge = Edge {
                caller: None,
                callee: service.name.clone(),
                port: port.container,
            };
            (edge, SocketAddr::new(port.address, port.host.unwrap_or(0)))
        })
    });
    doors.collect()
}

/// A front door that stands elsewhere than the stack file says.
pub(super) struct Moved {
    service: ServiceName,
    to: SocketAddr,
    /// Why it does not stand where it should.
    why: DoorError,
}

impl Moved {
    /// What people are told of it: nobody would find the door otherwise.
    pub(super) fn told(&self) -> Event {
        let Self { service, to, why } = self;
        Event::Problem {
            what: format!("{why}; the front door of {service} is at {to} instead"),
            remedy: "to have it where the stack file says, free that port and start again".into(),
        }
    }
}

/// Opens the front doors that a stack wants where it wants them; one that stood elsewhere is closed there.
/// `any_port`: a taken port is replaced by the next free one, and the doors that this moved are given back.
///
/// # Errors
/// Why some cannot be opened. Then all are as they were.
pub(super) fn open_front_doors(
    doors: &SharedDoors,
    stack: &Stack,
    any_port: bool,
) -> Result<Vec<Moved>, Vec<DoorError>> {
    let (mut moved, mut errors, mut before) = (Vec::new(), Vec::new(), Vec::new());
    for (edge, address) in front_doors(stack) {
        let stood = doors.place(&edge);
        if stood.is_some_and(|(wanted, _)| wanted == address) {
            continue;
        }
        let opened = doors.lock().open(edge.clone(), address);
        if let Err(why) = opened {
            let next = any_port.then(|| next_free(doors, &edge, address));
            let Some(to) = next.flatten() else {
                errors.push(why);
                continue;
            };
            moved.push(Moved {
                service: edge.callee.clone(),
                to,
                why,
            });
        }
        before.push((edge, stood));
    }
    if errors.is_empty() {
        doors.tell(stack);
        return Ok(moved);
    }
    for (edge, stood) in before {
        match stood {
            // It was ours a moment ago. Whoever took it since then has it.
            Some((wanted, address)) => drop(doors.lock().open_instead(edge, wanted, address)),
            None => doors.close(&edge),
        }
    }
    Err(errors)
}

/// Closes the front doors that a stack does not want any more.
pub(super) fn close_front_doors(doors: &SharedDoors, stack: &Stack) {
    let wanted = front_doors(stack);
    let wanted: BTreeSet<&Edge> = wanted.iter().map(|(edge, _)| edge).collect();
    for edge in doors.edges() {
        if edge.caller.is_none() && !wanted.contains(&edge) {
            doors.close(&edge);
        }
    }
    doors.tell(stack);
}

/// Opens the door at the first free port above this one.
fn next_free(doors: &SharedDoors, edge: &Edge, address: SocketAddr) -> Option<SocketAddr> {
    let mut ports = (address.port()..u16::MAX).map(|port| port + 1);
    ports.find_map(|port| {
        let next = SocketAddr::new(address.ip(), port);
        let opened = doors.lock().open_instead(edge.clone(), address, next);
        opened.ok()
    })
}

/// The front door of a service. One without gets a door that only its smoke checks know.
pub(super) fn front_door(doors: &SharedDoors, service: &Service) -> Option<SocketAddr> {
    let leads_there = |edge: &&Edge| edge.caller.is_none() && edge.callee == service.name;
    if let Some(edge) = doors.edges().iter().find(leads_there) {
        return doors.lock().address(edge);
    }
    let edge = Edge {
        caller: None,
        callee: service.name.clone(),
        port: service.port().unwrap_or(0),
    };
    doors.lock().open(edge, SocketAddr::new(LOOPBACK, 0)).ok()
}

/// What a caller's address depends on.
pub(super) struct Caller<'a> {
    /// The caller.
    pub(super) service: &'a Service,
    /// What it runs as.
    pub(super) runtime: Runtime,
    /// What the others run as, as far as is known.
    pub(super) runtimes: &'a HashMap<ServiceName, Runtime>,
    /// The address of this machine on the stack's network, where containers reach it.
    pub(super) gateway: Option<IpAddr>,
}

impl Caller<'_> {
    /// Where this caller reaches a callee: by name between containers, else through a relay that is opened here.
    pub(super) fn reaches(&self, doors: &SharedDoors, callee: &Service) -> Option<Address> {
        let callee_is_container = self.runtimes.get(&callee.name) != Some(&Runtime::Process);
        if self.runtime == Runtime::Container && callee_is_container {
            return Some(Address {
                host: callee.name.to_string(),
                port: callee.port()?,
            });
        }
        let ip = match self.runtime {
            Runtime::Process => LOOPBACK,
            Runtime::Container => self.gateway?,
        };
        let edge = Edge {
            caller: Some(self.service.name.clone()),
            callee: callee.name.clone(),
            port: callee.port().unwrap_or(0),
        };
        let open = doors
            .lock()
            .address(&edge)
            .filter(|address| address.ip() == ip);
        let address = match open {
            Some(address) => address,
            None => doors.lock().open(edge, SocketAddr::new(ip, 0)).ok()?,
        };
        Some(Address {
            host: address.ip().to_string(),
            port: address.port(),
        })
    }

    /// Its whole environment: what the stack file says, addresses filled in, and `PORT`, but for containers of a compose
    /// file, which get what it says and nothing that their images may take for something else.
    pub(super) fn environment(
        &self,
        doors: &SharedDoors,
        stack: &Stack,
        port: Option<u16>,
    ) -> Vec<(String, String)> {
        let is_plain = self.runtime == Runtime::Container && stack.naming != Naming::Boatyard;
        let mut environment: Vec<(String, String)> = port
            .filter(|_| !is_plain)
            .map(|port| ("PORT".into(), port.to_string()))
            .into_iter()
            .collect();
        environment.extend(self.service.environment.iter().map(|(name, value)| {
            let value = value.resolve(|callee| {
                let address = self.reaches(doors, stack.service(callee)?)?;
                let mut known = doors.telemetry.whereabouts();
                known.set_callee(&self.service.name, callee, address.clone());
                Some(address)
            });
            (name.clone(), value)
        }));
        environment
    }
}
