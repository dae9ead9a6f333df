//! Plain processes: on a terminal of their own, below a shim that lets nothing outlive the session.
