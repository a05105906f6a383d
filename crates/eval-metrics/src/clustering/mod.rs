//! How well clusters match classes (speakers), whatever the clusters are called.

mod b_cubed;
mod contingency;
mod information;
mod purity;
mod rand_index;

pub use b_cubed::BCubed;
pub use contingency::Contingency;
