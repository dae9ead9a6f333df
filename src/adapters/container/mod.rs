//! The container engine: finding it, and running, watching and removing what belongs to the stack.
