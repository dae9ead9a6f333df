# What CI checks.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test

# The loop against its floor, and the relay beside others. Wants a quiet machine and a container engine.
bench:
    cargo bench --bench loop
    cargo bench --bench relay
    cargo bench --bench watch
    cargo bench --bench otlp

# Base images for tests and examples, from Debian's packages.
images:
    tests/base-images
