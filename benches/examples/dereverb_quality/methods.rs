//! What is compared.

use auscult_dereverb::{
    Complex, LateModel, OnlineWpeParams, SourceModel, UnifiedParams, WpeParams,
    ndarray::{Array2, Array3, Axis},
};
use auscult_stft_mel::{Stft, StftParams};

use crate::{Failure, RATE};

/// In the order of the table; the first changes nothing.
pub const METHODS: [&str; 8] = [
    "unprocessed",
    "WPE",
    "online WPE",
    "unified, no late class",
    "unified",
    "unified, its linear stage",
    "unified, late level 0.02",
    "unified, NMF source",
];

pub struct Transform(Stft<f64>);

impl Transform {
    /// 32 ms windows, 16 ms apart.
    pub fn new() -> Result<Self, Failure> {
        let window = 32 * RATE as usize / 1000;
        Ok(Self(StftParams::new(window).hop_length(window / 2).plan()?))
    }

    pub fn spectrum(&self, samples: &Array2<f64>) -> Result<Array3<Complex<f64>>, Failure> {
        Ok(self.0.forward_multi(samples.view())?)
    }

    /// Samples [channel, frame] by a method of [`METHODS`].
    pub fn apply(&self, method: usize, samples: &Array2<f64>) -> Result<Array2<f64>, Failure> {
        let x = self.spectrum(samples)?;
        let unified = UnifiedParams::default().sources(1);
        let y = match METHODS[method] {
            "WPE" => WpeParams::default().taps(8).delay(2).plan()?.process(x.view())?,
            "online WPE" => {
                let params = OnlineWpeParams::default().taps(8).delay(2).forgetting(0.998);
                let mut online = params.plan(x.len_of(Axis(0)), x.len_of(Axis(2)))?;
                let mut y = x.clone();
                for mut frame in y.axis_iter_mut(Axis(1)) {
                    let clean = online.step(frame.view())?;
                    frame.assign(&clean);
                }
                y
            }
            "unified, no late class" => unified.late(LateModel::None).plan()?.process(x.view())?.mixture(),
            "unified" => unified.plan()?.process(x.view())?.mixture(),
            "unified, its linear stage" => unified.plan()?.process(x.view())?.linear,
            "unified, late level 0.02" => unified.late_level(0.02).plan()?.process(x.view())?.mixture(),
            "unified, NMF source" => {
                let unified = unified.source_model(SourceModel::Factorised { components: 20 });
                unified.iterations(20).plan()?.process(x.view())?.mixture()
            }
            _ => x,
        };
        Ok(self.0.inverse_multi(y.view(), Some(samples.ncols()))?)
    }
}
