//! The workbench as a person sees it: its screens in every state and size, its keys, and what cannot break it.

mod details;
mod fixture;
mod flows;
mod harness;
mod inside_flows;
mod layout_flows;
mod little_room;
mod log_flows;
mod robust;
mod screens;
mod trace_flows;
mod typed_flows;
#[path = "../support/until.rs"]
mod until;
mod whole_flows;
