//! One file per command: its arguments, and what it does.
pub mod bench;
pub mod data;
pub mod doc;
pub mod eval;
pub mod examples;
pub mod fuzz;
pub mod parity;
pub mod release;
pub mod report;
pub mod run;
pub mod setup;
pub mod test;
pub mod tidy;
pub mod train;
pub mod validate;

mod auscult;
mod packages;

pub use auscult::Auscult;
