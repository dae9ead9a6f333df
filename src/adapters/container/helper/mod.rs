//! The helper inside: a small program of ours that is process 1 of a service's container.
//!
//! It is this very binary, mounted read-only with the shared objects it needs ([`kit`]), so it runs in any image of this
//! architecture: no shell, `tar` or C library is needed there. It starts the service's program as its child, passes signals
//! on, reaps what is orphaned, and ends as the program ends. Over a unix socket that is mounted with it ([`host`]) it is
//! given files to write in place and told to restart the program in milliseconds. When another run takes the place of its
//! program, it stays and keeps the container's address and name, and passes connections on to that run.

mod host;
mod inside;
mod kit;
mod protocol;

pub(super) use host::{Handle, Helpers, Ready};
pub use inside::{BECOME_WORD, HELPER_WORD, become_main, helper_main};
pub(super) use inside::{can_send, listening_in, passes_on};
pub(super) use kit::needs;
pub(super) use protocol::{Contents, Done, FileHead, Order};
