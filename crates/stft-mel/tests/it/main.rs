//! Integration tests, in one binary.

mod golden;
mod parity;
