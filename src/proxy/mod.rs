//! The relay: one listener an edge, which passes requests on, holds them while nobody is ready, and records them.
//!
//! [`run`] is one relay; [`Doors`] opens and closes the relays of a session; [`Routes`] says where requests go. HTTP/1.x
//! goes through hyper, HTTP/2 with prior knowledge through h2; whatever else a connection speaks is passed on as bytes. Nothing is ever buffered whole.

mod answer;
mod asked;
mod bodies;
mod connection;
mod doors;
mod fault;
mod framing;
mod headers;
mod hello;
mod http;
mod http2;
mod limits;
mod link;
mod listen;
mod live;
mod mesh;
mod passage;
mod port_owner;
mod recognise;
mod record;
mod relay;
mod route;
mod seek;
mod sockets;
mod solo;
mod splice;
mod target;
mod tunnel;
mod wire;

pub use doors::{DoorError, Doors};
pub use limits::{Limits, Policy};
pub use listen::run;
pub use mesh::{Mesh, MeshNews, RELAY_WORD, relay_main, share};
pub use port_owner::{PortOwner, owner_of};
pub use record::into_store;
pub use route::Routes;
pub use target::{Edge, Target, Upstream};
