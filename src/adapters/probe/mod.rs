//! Health probes: asked fast at start, calmly later.
