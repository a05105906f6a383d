//! Parameters of the unified likelihood.

use super::UnifiedDereverb;
use crate::error::{Result, check_parameter};

/// What the late reverberation that no fixed filter predicts is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LateModel {
    /// Every tap of the late transfer function fluctuates about its mean, independently from frame to frame: the power
    /// of the residual follows that of the past.
    FluctuatingTaps,
    /// The same up to a gain of each frame, which is estimated: how much it fluctuates changes with time.
    FluctuatingGain,
    /// There is none: WPE for sources with full covariances.
    None,
}

/// How the power of a source changes over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SourceModel {
    /// Freely, in every bin.
    Free,
    /// As a non-negative factorisation over time and frequency: for stationary and repetitive sounds.
    Factorised {
        /// Components of each source, >= 1.
        components: usize,
    },
}

/// How variances and covariances are updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Update {
    /// Expectation-maximisation: small steps.
    Em,
    /// Minorisation-maximisation: larger steps, variances and covariances in turns.
    Mm,
}

/// How the prediction filter is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum FilterStep {
    /// Some steps of preconditioned conjugate gradients from the present filter. Never lowers the likelihood.
    Pcg {
        /// Number of steps, >= 1.
        steps: usize,
    },
    /// To the maximum: channels² taps equations at once, for reference and small problems.
    Exact,
    /// To the maximum of a quadratic minoriser. Never lowers the likelihood.
    Mm,
    /// To the solution of WPE with the weights tr(Φ⁻¹) / M. The cheapest, and the only one that can lower the
    /// likelihood.
    ScalarWeight,
}

/// Parameters of [`UnifiedDereverb`].
#[doc = include_str!("model.md")]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct UnifiedParams {
    /// Number of sources, >= 1. Default 2.
    pub sources: usize,
    /// Frames of the past the filter uses, >= 1. Default 8.
    pub taps: usize,
    /// Frames between the present and the newest frame of the past, >= 1. Default 2.
    pub delay: usize,
    /// Rounds of the estimation. More than ten fit the likelihood, not the sound. Default 5.
    pub iterations: usize,
    /// An iteration that raises the objective by less than this fraction is the last. Default 1e-4.
    pub tolerance: f64,
    /// WPE iterations the filter starts from; 0 starts from no filter. Default 2.
    pub initial_iterations: usize,
    /// The residual late reverberation. Default `FluctuatingTaps`.
    pub late: LateModel,
    /// Groups of taps with a late covariance each, >= 1 (`FluctuatingTaps`). Default 2.
    pub late_groups: usize,
    /// Power of the fluctuation of the transfer function relative to the past, at the start: 0.1 (the default) where
    /// sources move, 0.02 where nothing does.
    pub late_level: f64,
    /// Strength of the inverse-Wishart prior that holds the late covariances near their start, relative to the number
    /// of frames. `None` is maximum likelihood, which underestimates them: with free variances every time and
    /// frequency has a parameter of its own. Default `Some(0.5)`.
    pub late_prior: Option<f64>,
    /// Seconds for the reverberation to fall by 60 dB, > 0: how the past decays, and up to which age it counts (60 %
    /// of it). Default 0.4.
    pub reverberation_time: f64,
    /// Seconds from frame to frame, > 0. Default 0.016: 256 samples at 16 kHz.
    pub hop: f64,
    /// Sources' powers. Default `Free`.
    pub source_model: SourceModel,
    /// Update of variances and covariances. Default `Em`.
    pub update: Update,
    /// Update of the filter. Default three steps of `Pcg`.
    pub filter: FilterStep,
    /// ε, relative to the mean power of the bin, > 0. Default 1e-6.
    pub noise_floor: f64,
    /// Of the start of several sources. Default 0.
    pub seed: u64,
}

impl Default for UnifiedParams {
    fn default() -> Self {
        Self {
            sources: 2,
            taps: 8,
            delay: 2,
            iterations: 5,
            tolerance: 1e-4,
            initial_iterations: 2,
            late: LateModel::FluctuatingTaps,
            late_groups: 2,
            late_level: 0.1,
            late_prior: Some(0.5),
            reverberation_time: 0.4,
            hop: 0.016,
            source_model: SourceModel::Free,
            update: Update::Em,
            filter: FilterStep::Pcg { steps: 3 },
            noise_floor: 1e-6,
            seed: 0,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty),* $(,)?) => {
        $($(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        })*
    };
}

impl UnifiedParams {
    setters! {
        /// Sets the number of sources.
        sources: usize,
        /// Sets the number of past frames used.
        taps: usize,
        /// Sets the prediction delay in frames.
        delay: usize,
        /// Sets the number of iterations.
        iterations: usize,
        /// Sets the least relative rise of the objective worth another iteration.
        tolerance: f64,
        /// Sets the WPE iterations at the start.
        initial_iterations: usize,
        /// Sets the model of the residual late reverberation.
        late: LateModel,
        /// Sets the number of late covariances.
        late_groups: usize,
        /// Sets the power of the fluctuation at the start.
        late_level: f64,
        /// Sets the strength of the prior of the late covariances.
        late_prior: Option<f64>,
        /// Sets the reverberation time in seconds.
        reverberation_time: f64,
        /// Sets the seconds from frame to frame.
        hop: f64,
        /// Sets the model of the sources' powers.
        source_model: SourceModel,
        /// Sets the update of variances and covariances.
        update: Update,
        /// Sets the update of the filter.
        filter: FilterStep,
        /// Sets the noise floor.
        noise_floor: f64,
        /// Sets the seed.
        seed: u64,
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`](crate::Error::Parameter) where one is out of its range.
    pub fn plan(self) -> Result<UnifiedDereverb> {
        let steps = match self.filter {
            FilterStep::Pcg { steps } => steps,
            _ => 1,
        };
        let components = match self.source_model {
            SourceModel::Factorised { components } => components,
            SourceModel::Free => 1,
        };
        for (count, name) in [
            (self.sources, "sources"),
            (self.taps, "taps"),
            (self.delay, "delay"),
            (self.late_groups, "late_groups"),
            (steps, "steps"),
            (components, "components"),
        ] {
            check_parameter(count >= 1, name, count as f64, "at least 1")?;
        }
        for (value, name) in [
            (self.late_level, "late_level"),
            (self.reverberation_time, "reverberation_time"),
            (self.hop, "hop"),
            (self.noise_floor, "noise_floor"),
        ] {
            check_parameter(value > 0.0 && value.is_finite(), name, value, "a number above 0")?;
        }
        let prior = self.late_prior.unwrap_or(0.0);
        check_parameter(prior >= 0.0 && prior.is_finite(), "late_prior", prior, "at least 0")?;
        check_parameter(self.tolerance >= 0.0, "tolerance", self.tolerance, "at least 0")?;
        Ok(UnifiedDereverb::new(self))
    }

    /// Frames of the past that late reverberation comes from.
    pub(super) fn horizon(&self) -> usize {
        ((0.6 * self.reverberation_time / self.hop).ceil() as usize).max(1)
    }

    /// δ: amplitudes of the late reverberation decay by exp(-δ) a frame.
    pub(super) fn decay(&self) -> f64 {
        3.0 * std::f64::consts::LN_10 * self.hop / self.reverberation_time
    }
}
