//! `.dockerignore` and `.gitignore` rules.
