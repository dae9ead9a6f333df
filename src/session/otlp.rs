//! The receiver of OpenTelemetry: started with the session, and told to the services.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::adapters::Wires;
use crate::adapters::otlp::{Ports, Receiver, USUAL_PORTS, environment};
use crate::engine::{Event, StartRun};
use crate::proxy::owner_of;
use crate::stack::Runtime;

/// The name by which a container reaches this machine where the stack's network does not lead here.
const HOST_NAME: &str = "host.docker.internal";

/// The receiver; none where it could not be started, which was said.
pub(super) struct Otlp(Option<Receiver>);

impl Otlp {
    /// Begins to listen, and says where.
    pub(super) fn start(wires: &Wires) -> Self {
        let telemetry = Arc::clone(&wires.telemetry);
        // Who has them now is asked before others are taken instead.
        let taken = taken_ports();
        match Receiver::start(telemetry, USUAL_PORTS) {
            Ok(receiver) => {
                wires.tell(listening(receiver.ports(), taken));
                Self(Some(receiver))
            }
            Err(error) => {
                wires.tell(Event::Problem {
                    what: format!("OpenTelemetry is not received: {error}"),
                    remedy: "traces have only what the relays see; free some ports and start again"
                        .into(),
                });
                Self(None)
            }
        }
    }

    /// What a run is given so that it reports here. `gateway`: this machine on the stack's network, where it is.
    pub(super) fn environment(
        &self,
        start: &StartRun,
        gateway: Option<IpAddr>,
    ) -> Vec<(String, String)> {
        let Some(receiver) = self.address(start.runtime, gateway) else {
            return Vec::new();
        };
        let service = &start.service;
        environment(&service.name, start.run.0, &receiver, |name| {
            service.environment.contains_key(name)
        })
    }

    /// Where a run reaches it, as `HOST:PORT`.
    fn address(&self, runtime: Runtime, gateway: Option<IpAddr>) -> Option<String> {
        let receiver = self.0.as_ref()?;
        match (runtime, gateway) {
            (Runtime::Process, _) => Some(format!("127.0.0.1:{}", receiver.ports().http)),
            (Runtime::Container, None) => Some(format!("{HOST_NAME}:{}", receiver.ports().http)),
            (Runtime::Container, Some(gateway)) => {
                let ports = receiver.at(gateway).ok()?;
                Some(SocketAddr::new(gateway, ports.http).to_string())
            }
        }
    }
}

fn listening(ports: Ports, taken: Vec<(u16, String)>) -> Event {
    let moved = taken
        .into_iter()
        .filter(|(port, _)| *port != ports.grpc && *port != ports.http);
    Event::OtlpListening {
        grpc: format!("127.0.0.1:{}", ports.grpc),
        http: format!("http://127.0.0.1:{}", ports.http),
        taken: moved.map(|(_, words)| words).collect(),
    }
}

/// The usual ports that somebody else has, each with words that say who.
pub(super) fn taken_ports() -> Vec<(u16, String)> {
    let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let usual = [USUAL_PORTS.grpc, USUAL_PORTS.http].into_iter();
    let taken = usual.filter(|port| std::net::TcpListener::bind(here(*port)).is_err());
    taken
        .map(|port| {
            let who = owner_of(here(port))
                .map_or_else(|| "another program".to_owned(), |owner| owner.to_string());
            (port, format!("port {port} is taken by {who}"))
        })
        .collect()
}
