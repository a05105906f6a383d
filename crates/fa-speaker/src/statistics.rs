//! Baum-Welch statistics: all of an utterance that the models look at.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};

use crate::error::{check_features, check_parameter, check_shape};
use crate::gmm::{Share, Sums};
use crate::{Alignment, Feature, Gmm, Result};

/// Statistics of frames aligned to a mixture: N = Σ γ and F = Σ γ (x - m). Those of two utterances add up.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// N `[component]`: how many frames fell to each component.
    pub occupation: Array1<f64>,
    /// F `[component, feature]`: centred on the means of the mixture.
    pub first_order: Array2<f64>,
}

impl Statistics {
    /// Statistics of no frame at all.
    #[must_use]
    pub fn empty(gmm: &Gmm) -> Self {
        Self {
            occupation: Array1::zeros(gmm.components()),
            first_order: Array2::zeros((gmm.components(), gmm.features())),
        }
    }

    /// Statistics of frames `[frame, feature]` by their posterior probabilities ([`Alignment::Soft`]) or their best
    /// component ([`Alignment::HardUbm`]). For the alignments that follow the speaker, see
    /// [`Loadings::statistics`](crate::Loadings::statistics).
    ///
    /// # Errors
    /// Another number of features; NaN or infinity; an alignment that needs eigenvoices.
    pub fn new<T: Feature>(gmm: &Gmm, frames: ArrayView2<T>, alignment: Alignment) -> Result<Self> {
        check_features(frames, gmm.features())?;
        let share = match alignment {
            Alignment::Soft => Share::Posterior,
            Alignment::HardUbm => Share::Highest,
            other => {
                let expected = "Soft or HardUbm; the others follow the speaker: use Loadings::statistics";
                check_parameter(false, "alignment", format!("{other:?}"), expected)?;
                Share::Posterior
            }
        };
        Ok(Self::centred(gmm.sums(frames, share, false), gmm))
    }

    /// Uncentred sums of any alignment, centred on the means of `gmm`.
    pub(crate) fn centred(sums: Sums, gmm: &Gmm) -> Self {
        let Sums { occupation, mut moments, .. } = sums;
        let counts = occupation.view().insert_axis(Axis(1));
        Zip::from(&mut moments)
            .and(gmm.means())
            .and_broadcast(&counts)
            .for_each(|f, &mean, &count| *f -= count * mean);
        Self { occupation, first_order: moments }
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> f64 {
        self.occupation.sum()
    }

    /// Adds the statistics of other frames.
    pub fn add(&mut self, other: &Self) {
        self.occupation += &other.occupation;
        self.first_order += &other.first_order;
    }

    /// F / (N + r): how far maximum a posteriori adaptation moves the means.
    #[must_use]
    pub fn map_offsets(&self, relevance: f64) -> Array2<f64> {
        &self.first_order / &(&self.occupation + relevance).insert_axis(Axis(1))
    }

    pub(crate) fn check(&self, gmm: &Gmm) -> Result<()> {
        let (components, features) = (gmm.components(), gmm.features());
        check_shape("occupation [component]", self.occupation.shape(), &[components])?;
        check_shape("first_order [component, feature]", self.first_order.shape(), &[components, features])
    }
}

/// Running sums of statistics, so that those of any stretch cost a subtraction, and not its frames.
#[derive(Clone, Debug)]
pub struct PrefixStatistics<'a, T> {
    gmm: &'a Gmm,
    frames: ArrayView2<'a, T>,
    alignment: Alignment,
    block: usize,
    /// Statistics of the first 0, 1, 2, ... whole blocks.
    sums: Vec<Statistics>,
}

impl<'a, T: Feature> PrefixStatistics<'a, T> {
    /// Sums up to every multiple of `block` frames; 100 is a second. Memory: 8 bytes a component and (feature + 1) a
    /// block.
    ///
    /// # Errors
    /// As [`Statistics::new`]; a block of 0 frames.
    pub fn new(gmm: &'a Gmm, frames: ArrayView2<'a, T>, alignment: Alignment, block: usize) -> Result<Self> {
        check_parameter(block > 0, "block", block, "at least 1 frame")?;
        let mut sums = vec![Statistics::empty(gmm)];
        for block in frames.axis_chunks_iter(Axis(0), block).take(frames.nrows() / block) {
            let mut next = sums[sums.len() - 1].clone();
            next.add(&Statistics::new(gmm, block, alignment)?);
            sums.push(next);
        }
        Ok(Self { gmm, frames, alignment, block, sums })
    }

    /// Statistics of the frames `start..end`.
    ///
    /// # Errors
    /// A stretch that is not within the frames.
    pub fn range(&self, start: usize, end: usize) -> Result<Statistics> {
        let frames = self.frames.nrows();
        check_parameter(
            start <= end && end <= frames,
            "range",
            format!("{start}..{end}"),
            format!("within 0..{frames}"),
        )?;
        let direct = |from: usize, to: usize| {
            Statistics::new(self.gmm, self.frames.slice(s![from..to, ..]), self.alignment)
        };
        let (first, last) = (start.div_ceil(self.block), end / self.block);
        if first >= last {
            return direct(start, end);
        }
        let mut sum = direct(start, first * self.block)?;
        let (before, upto) = (&self.sums[first], &self.sums[last]);
        sum.occupation += &(&upto.occupation - &before.occupation);
        sum.first_order += &(&upto.first_order - &before.first_order);
        sum.add(&direct(last * self.block, end)?);
        Ok(sum)
    }
}
