//! What one session leaves for the next: the lock that says who runs the stack, and the ledger of started processes.

mod ledger;
mod lock;
pub mod proc;
mod sweep;

pub use ledger::{Ledger, LedgerEntry};
pub use lock::{Held, LockRefused, SessionLock};
pub use sweep::{mark, sweep};

/// Environment variable that every process of a run inherits: `STACK-HASH/SESSION/RUN`.
pub const MARK: &str = "BOATYARD_RUN";
