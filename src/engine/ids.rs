//! Numbers for whatever can be late: an answer that carries another number than the current one is ignored.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "#{}", self.0)
            }
        }
    };
}

id!(
    /// One making of an image.
    BuildId
);
id!(
    /// One life of one service instance.
    RunId
);
id!(
    /// One change, among those of its service.
    ChangeId
);
id!(
    /// One copying of files into live runs.
    SyncId
);
id!(
    /// One try of one smoke check.
    CheckId
);
