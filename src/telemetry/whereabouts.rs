//! Where runs and front doors are found at this moment, and where services reach each other: what only those know who
//! started or opened them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::stack::{Address, Reach, ServiceName};

/// The addresses of one session. As many as there are runs, front doors, and services that are told of others.
#[derive(Debug, Default)]
pub struct Whereabouts {
    doors: BTreeMap<(ServiceName, u16), SocketAddr>,
    runs: BTreeMap<u64, Reach>,
    callees: BTreeMap<ServiceName, BTreeMap<ServiceName, Address>>,
}

impl Whereabouts {
    /// From now on these front doors are open: of which service, to which container port, and where.
    pub fn set_doors(&mut self, doors: impl IntoIterator<Item = (ServiceName, u16, SocketAddr)>) {
        let doors = doors.into_iter();
        self.doors = doors
            .map(|(service, port, address)| ((service, port), address))
            .collect();
    }

    /// Where the front door to this container port of a service is, if it is open.
    pub fn door(&self, service: &ServiceName, port: u16) -> Option<SocketAddr> {
        self.doors.get(&(service.clone(), port)).copied()
    }

    /// The newest run of a service was told that it reaches another one there.
    pub fn set_callee(&mut self, service: &ServiceName, other: &ServiceName, address: Address) {
        let callees = self.callees.entry(service.clone()).or_default();
        callees.insert(other.clone(), address);
    }

    /// Where a service reaches another one, as it was told.
    pub fn callee(&self, service: &ServiceName, other: &ServiceName) -> Option<&Address> {
        self.callees.get(service)?.get(other)
    }

    /// From now on a run is found there; `None`: nowhere, or it is gone.
    pub fn set_run(&mut self, run: u64, reach: Option<Reach>) {
        match reach {
            Some(reach) => self.runs.insert(run, reach),
            None => self.runs.remove(&run),
        };
    }

    /// Where a run is found.
    pub fn run(&self, run: u64) -> Option<&Reach> {
        self.runs.get(&run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_are_those_that_were_told_last_and_a_run_that_is_gone_is_nowhere() {
        let mut known = Whereabouts::default();
        let web = ServiceName::from("web");
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        known.set_doors([(web.clone(), 8000, at(8080)), (web.clone(), 9000, at(1))]);
        known.set_doors([(web.clone(), 8000, at(8081))]);
        assert_eq!(known.door(&web, 8000), Some(at(8081)));
        assert_eq!(known.door(&web, 9000), None);
        known.set_run(3, Some(Reach::Only(at(4000))));
        assert_eq!(known.run(3), Some(&Reach::Only(at(4000))));
        known.set_run(3, None);
        assert_eq!(known.run(3), None);
        let address = Address {
            host: "orders".into(),
            port: 8000,
        };
        known.set_callee(&web, &"orders".into(), address.clone());
        assert_eq!(known.callee(&web, &"orders".into()), Some(&address));
        assert_eq!(known.callee(&"orders".into(), &web), None);
    }
}
