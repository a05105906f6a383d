//! Integration tests of auscult-fa-speaker.
#![allow(clippy::unwrap_used)] // a test that cannot unwrap has failed

mod baselines;
mod clustering;
mod comparison;
mod golden;
mod mixtures;
mod models;
mod segmentation;
mod support;
mod training;
mod variational;
