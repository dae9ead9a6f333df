//! The workbench: the view with a screen.
