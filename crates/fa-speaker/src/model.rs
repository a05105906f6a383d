//! The trained model: background mixture, eigenvoices, perhaps eigenchannels, and the scale of evidence.

use ndarray::ArrayView2;

use crate::error::{check_parameter, check_shape};
use crate::factors::without_channel;
use crate::{Alignment, Feature, Gmm, Loadings, Result, SpeakerStat, Statistics};

/// Turns utterances into what the comparison keeps of them.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakerModel {
    ubm: Gmm,
    eigenvoices: Loadings,
    eigenchannels: Option<Loadings>,
    /// Eigenvoices, then eigenchannels.
    joint: Option<Loadings>,
    alignment: Alignment,
    kappa: f64,
}

/// The default scale of evidence: frames at 10 ms say as much as a tenth of them would if they were independent.
const KAPPA: f64 = 0.1;

impl SpeakerModel {
    /// Eigenvoices alone, soft alignment, an evidence scale of 0.1.
    ///
    /// # Errors
    /// Eigenvoices of another mixture.
    pub fn new(ubm: Gmm, eigenvoices: Loadings) -> Result<Self> {
        check_shape(
            "eigenvoices [component, feature]",
            &eigenvoices.values().shape()[..2],
            ubm.means().shape(),
        )?;
        let alignment = Alignment::default();
        Ok(Self { ubm, eigenvoices, eigenchannels: None, joint: None, alignment, kappa: KAPPA })
    }

    /// With eigenchannels: each utterance has a channel of its own, which is integrated out.
    ///
    /// # Errors
    /// Eigenchannels of another mixture.
    pub fn with_eigenchannels(mut self, eigenchannels: Loadings) -> Result<Self> {
        self.joint = Some(self.eigenvoices.beside(&self.ubm, &eigenchannels)?);
        self.eigenchannels = Some(eigenchannels);
        Ok(self)
    }

    /// With another alignment.
    #[must_use]
    pub fn with_alignment(mut self, alignment: Alignment) -> Self {
        self.alignment = alignment;
        self
    }

    /// With another evidence scale: counts are multiplied by it. 1 is the slides' model.
    ///
    /// # Errors
    /// A scale that is not a positive number.
    pub fn with_kappa(mut self, kappa: f64) -> Result<Self> {
        check_parameter(
            kappa > 0.0 && kappa.is_finite(),
            "kappa",
            kappa,
            "a positive number, at most about 1",
        )?;
        self.kappa = kappa;
        Ok(self)
    }

    /// The background model.
    #[must_use]
    pub fn ubm(&self) -> &Gmm {
        &self.ubm
    }

    /// The eigenvoices.
    #[must_use]
    pub fn eigenvoices(&self) -> &Loadings {
        &self.eigenvoices
    }

    /// The eigenchannels, where there are any.
    #[must_use]
    pub fn eigenchannels(&self) -> Option<&Loadings> {
        self.eigenchannels.as_ref()
    }

    /// How frames are given to components.
    #[must_use]
    pub fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// The evidence scale.
    #[must_use]
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// Statistics of frames `[frame, feature]` by this model's alignment. No frames give empty statistics.
    ///
    /// # Errors
    /// Another number of features; NaN or infinity.
    pub fn statistics<T: Feature>(&self, frames: ArrayView2<T>) -> Result<Statistics> {
        self.eigenvoices.statistics(&self.ubm, frames, self.alignment)
    }

    /// What the comparison keeps of statistics, evidence scaled and channel integrated out.
    ///
    /// # Errors
    /// Statistics of another mixture.
    pub fn stat(&self, statistics: &Statistics) -> Result<SpeakerStat> {
        match &self.joint {
            None => self.eigenvoices.project(statistics)?.scaled(self.kappa),
            Some(joint) => {
                let joint = joint.project(statistics)?.scaled(self.kappa)?;
                without_channel(&joint, self.eigenvoices.factors())
            }
        }
    }
}
