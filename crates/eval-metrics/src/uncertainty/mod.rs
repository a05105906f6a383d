//! How far a score can be trusted, and whether two differ.

mod bootstrap;
mod interval;
pub(crate) mod normal;
mod paired;
mod random;
mod summary;

pub use bootstrap::{Bootstrap, PairedDifference};
pub use interval::{Interval, IntervalMethod};
pub use paired::{McNemar, PermutationTest, mcnemar, paired_permutation_test};
pub use summary::{Summary, weighted_mean};
