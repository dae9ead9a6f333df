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
                .filter_map(|FrontDoor { edge, .. }| {
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

/// A front door as a stack wants it.
pub(super) struct FrontDoor {
    pub(super) edge: Edge,
    /// Where it is wanted.
    pub(super) address: SocketAddr,
    /// How many of the ports above that will do as well.
    further: u16,
}

impl FrontDoor {
    /// Where it may stand: the first of these that is free.
    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let (ip, first) = (self.address.ip(), self.address.port());
        let ports = first..=first.saturating_add(self.further);
        ports.map(move |port| SocketAddr::new(ip, port))
    }

    /// Whether it may stand here.
    fn allows(&self, at: SocketAddr) -> bool {
        let any = self.address.port() == 0 && self.address.ip() == at.ip();
        any || self.addresses().any(|address| address == at)
    }
}

/// The front doors that a stack wants: those that may stand at one port only come first.
pub(super) fn front_doors(stack: &Stack) -> Vec<FrontDoor> {
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
            FrontDoor {
                edge,
                address: SocketAddr::new(port.address, port.host.unwrap_or(0)),
                further: port.further,
            }
        })
    });
    let mut doors: Vec<FrontDoor> = doors.collect();
    doors.sort_by_key(|door| door.further > 0);
    doors
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
    for door in front_doors(stack) {
        let (edge, address) = (door.edge.clone(), door.address);
        let stood = doors.place(&edge);
        let stays = |(wanted, at): (SocketAddr, SocketAddr)| {
            wanted == address && (any_port || door.allows(at))
        };
        if stood.is_some_and(stays) {
            continue;
        }
        let opened = open(doors, &door);
        if let Err(why) = opened {
            let next = any_port.then(|| next_free(doors, &door));
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
    let wanted: BTreeSet<&Edge> = wanted.iter().map(|door| &door.edge).collect();
    for edge in doors.edges() {
        if edge.caller.is_none() && !wanted.contains(&edge) {
            doors.close(&edge);
        }
    }
    doors.tell(stack);
}

/// Opens a door at the first of its ports that is free.
///
/// # Errors
/// Why it cannot be opened at the first of them, if it can be at none.
fn open(doors: &SharedDoors, door: &FrontDoor) -> Result<(), DoorError> {
    let mut first = None;
    for address in door.addresses() {
        let (edge, wanted) = (door.edge.clone(), door.address);
        match doors.lock().open_instead(edge, wanted, address) {
            Ok(_) => return Ok(()),
            Err(why) => first = first.or(Some(why)),
        }
    }
    first.map_or(Ok(()), Err)
}

/// Opens the door at the first free port above its own.
fn next_free(doors: &SharedDoors, door: &FrontDoor) -> Option<SocketAddr> {
    let (edge, address) = (&door.edge, door.address);
    let last = address.port().saturating_add(door.further);
    let mut ports = (last..u16::MAX).map(|port| port + 1);
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::proxy::{Limits, Routes};
    use crate::stack::PortMapping;

    fn door(service: &str, host: u16, further: u16) -> Service {
        let mut service = Service::named(service);
        service.ports = vec![PortMapping {
            address: LOOPBACK,
            host: Some(host),
            further,
            container: 80,
            protocol: Protocol::Tcp,
        }];
        service
    }

    fn stack(services: impl IntoIterator<Item = Service>) -> Stack {
        let services = services.into_iter();
        Stack {
            services: services
                .map(|service| (service.name.clone(), service))
                .collect(),
            ..Stack::default()
        }
    }

    fn shared_doors() -> SharedDoors {
        let telemetry = Arc::new(Telemetry::default());
        let routes = Arc::new(Routes::counted_in(Arc::clone(&telemetry)));
        SharedDoors::new(Doors::new(routes, |_| {}, Limits::default()), telemetry)
    }

    /// A port that is taken, with so many free ones above it.
    fn taken(free: u16) -> (TcpListener, u16) {
        loop {
            let listener = TcpListener::bind((LOOPBACK, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let Some(last) = port.checked_add(free) else {
                continue;
            };
            let is_free = |port| TcpListener::bind((LOOPBACK, port)).is_ok();
            if (port + 1..=last).all(is_free) {
                return (listener, port);
            }
        }
    }

    #[tokio::test]
    async fn of_a_range_the_first_free_port_is_taken() {
        let doors = shared_doors();
        let (_taken, port) = taken(3);
        let stack = stack([
            door("any", port, 3),
            door("other", port, 3),
            door("fixed", port + 1, 0),
        ]);
        let moved = open_front_doors(&doors, &stack, false);
        assert!(moved.is_ok_and(|moved| moved.is_empty()));
        let at = |service: &str| {
            let known = doors.telemetry.whereabouts();
            known.door(&service.into(), 80).map(|at| at.port())
        };
        let both = |one: u16, other: u16| (Some(port + one), Some(port + other));
        assert_eq!((at("any"), at("other")), both(2, 3));
        assert_eq!(at("fixed"), Some(port + 1));
        // Asked again, all stay where they are.
        assert!(open_front_doors(&doors, &stack, false).is_ok());
        assert_eq!((at("any"), at("other")), both(2, 3));
    }

    #[tokio::test]
    async fn where_none_of_a_range_is_free_the_first_is_named() {
        let doors = shared_doors();
        let (_taken, port) = taken(1);
        let stack = stack([door("a", port, 1), door("b", port, 1)]);
        let errors = open_front_doors(&doors, &stack, false).err().unwrap();
        assert_eq!(errors.len(), 1);
        let said = errors[0].to_string();
        assert!(
            said.starts_with(&format!("127.0.0.1:{port} is taken")),
            "{said}"
        );
    }
}
