//! Building images: the context, BuildKit through the engine, and the classic builder.

mod builder;
mod cache;
mod classic;
mod content;
mod control;
mod dockerfile;
mod failure;
mod filesync;
mod images;
mod infer;
mod layers;
mod lines;
mod locks;
mod mask;
mod model;
mod pack;
mod progress;
mod select;
mod session;
mod solve;
mod start;
mod surplus;
mod tree;
mod workshop;

pub use builder::{Builder, probe_builder};
pub use cache::ContextCache;
pub use content::content_key;
pub use dockerfile::Dockerfile;
pub use infer::{Context, Doubt, Found, Inference, Inferred, Landing, OnDisk, explain};
pub use model::{BuildOrder, Built, Output, Sink, Transfer};
pub use select::{Selection, select};
pub use start::Builds;
pub use tree::{Entry, EntryKind, Tree, TreeError};
pub use workshop::Workshop;
