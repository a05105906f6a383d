//! Which component a frame belongs to.

use serde::{Deserialize, Serialize};

/// How frames are given to components.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Alignment {
    /// The slides': y is estimated by maximum likelihood (three steps from 0, with a ridge of 1e-3 that short
    /// utterances need), then each frame goes to its best component around m + V y.
    HardYml,
    /// Each frame to its best component of the background model.
    HardUbm,
    /// By the posterior probabilities of the background model, as i-vectors do. The evidence is then a bound, not exact.
    #[default]
    Soft,
    /// By the posterior probabilities around m + V y.
    SoftYml,
}
