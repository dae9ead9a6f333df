//! Smoke checks: requests and commands with expected answers.
