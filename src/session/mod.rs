//! Wiring: what each command puts together.
