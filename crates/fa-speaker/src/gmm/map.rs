//! Maximum a posteriori adaptation of means (Reynolds, Quatieri and Dunn, 2000).

use super::Gmm;
use crate::error::check_parameter;
use crate::{Result, Statistics};

impl Gmm {
    /// The mixture with its means adapted to a speaker: m + F / (N + r), with F centred on m, so that a component that
    /// was never seen stays where it is. 16 is a usual relevance factor r.
    ///
    /// # Errors
    /// Statistics of another mixture, or a relevance factor that is not positive.
    pub fn adapted(&self, statistics: &Statistics, relevance: f64) -> Result<Self> {
        check_parameter(relevance > 0.0, "relevance", relevance, "a positive number of frames")?;
        statistics.check(self)?;
        self.with_means(&self.means + &statistics.map_offsets(relevance))
    }
}
