//! Parity with the reference packages, properties, and bad input.

mod classification;
mod golden;
mod ranking;
mod separation;
mod uncertainty;
