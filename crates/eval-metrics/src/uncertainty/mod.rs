//! How far a score can be trusted, and whether two differ.

mod bootstrap;
mod interval;
mod normal;
mod paired;
mod random;

pub use bootstrap::{Bootstrap, PairedDifference};
pub use interval::{Interval, IntervalMethod};
pub use paired::{McNemar, PermutationTest, mcnemar, paired_permutation_test};
