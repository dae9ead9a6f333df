//! Relays between containers: the same relaying as at front doors, in a container of its own that has the services' names.
//!
//! [`relay_main`] is all that runs inside: it listens at every port that a service is known to have, tells callers by their
//! addresses and callees by port and by the name that the caller asks for ([`named`]). [`Mesh`] is this side: it says where
//! requests go, and gets the exchanges. Both talk over a socket ([`words`]). [`plan`] says which services share a relay.

mod callers;
mod host;
mod inside;
mod line;
mod named;
mod outbox;
mod plan;
mod words;

pub use host::{Mesh, MeshNews};
pub use inside::{RELAY_WORD, relay_main};
pub use plan::share;
