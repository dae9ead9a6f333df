//! Building images: the context, `BuildKit` through the engine, and the classic builder.
