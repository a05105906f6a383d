//! Samples in memory: channels, cutting, mixing.

use ndarray::{Array1, Array2, Axis, Slice};

use crate::error::{Error, Result};
use crate::resample::resample;

/// Samples and their rate.
///
/// The fields are public: a value made by hand is as good as one that was read. [`Audio::new`] also checks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// `[channel, frame]`, in [-1, 1] unless the source itself goes beyond.
    pub samples: Array2<f32>,
    /// Frames per second, in Hz.
    pub sample_rate: u32,
}

impl Audio {
    /// Checks that there is at least one channel, that the rate is not 0 and that every sample is finite.
    ///
    /// # Errors
    /// [`Error::Channels`] without a channel, [`Error::Parameter`] for a rate of 0 Hz or a NaN or infinite sample.
    pub fn new(samples: Array2<f32>, sample_rate: u32) -> Result<Self> {
        if samples.nrows() == 0 {
            return Err(Error::Channels { expected: 1, got: 0, remedy: "samples are [channel, frame]" });
        }
        if sample_rate == 0 {
            return Err(Error::parameter("sample_rate", "0 Hz", "at least 1 Hz"));
        }
        if let Some(((channel, frame), value)) = samples.indexed_iter().find(|(_, x)| !x.is_finite()) {
            let got = format!("{value} at channel {channel}, frame {frame}");
            return Err(Error::parameter("sample", got, "finite samples: replace NaN and infinities first"));
        }
        Ok(Self { samples, sample_rate })
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.samples.nrows()
    }

    /// The number of frames: samples per channel.
    pub fn frames(&self) -> usize {
        self.samples.ncols()
    }

    /// Seconds.
    pub fn duration(&self) -> f64 {
        self.frames() as f64 / f64::from(self.sample_rate)
    }

    /// The mean of the channels, as `librosa.to_mono` takes it.
    pub fn mono(&self) -> Array1<f32> {
        let mut mono = Array1::zeros(self.frames());
        for channel in self.samples.rows() {
            mono += &channel;
        }
        mono / self.channels().max(1) as f32
    }

    /// The same signal at another rate: see [`resample()`].
    ///
    /// # Errors
    /// [`Error::SampleRate`] if the rates cannot be converted.
    pub fn resample(&self, to: u32) -> Result<Audio> {
        let samples = resample(self.samples.view(), self.sample_rate, to)?;
        Ok(Audio { samples, sample_rate: to })
    }

    /// The stretch from `start` seconds, `duration` seconds long or to the end.
    ///
    /// Both round to the nearest frame; a stretch that reaches beyond the end stops there.
    ///
    /// # Errors
    /// [`Error::Parameter`] if either is negative or not finite, or `start` lies beyond the end.
    pub fn slice(&self, start: f64, duration: Option<f64>) -> Result<Audio> {
        let first = seconds_to_frames("start", start, self.sample_rate)?;
        if first > self.frames() as u64 {
            let got = format!("{start} s of a signal of {} s", self.duration());
            return Err(Error::parameter("start", got, "a start before the end"));
        }
        let left = self.frames() as u64 - first;
        let count = match duration {
            Some(duration) => seconds_to_frames("duration", duration, self.sample_rate)?.min(left),
            None => left,
        };
        let stretch = Slice::from(first as usize..(first + count) as usize);
        let samples = self.samples.slice_axis(Axis(1), stretch).to_owned();
        Ok(Audio { samples, sample_rate: self.sample_rate })
    }

    /// The named channels, counted from 0, in the order given; a channel may be named twice.
    ///
    /// # Errors
    /// [`Error::Channels`] if one of them is not there, or none is named.
    pub fn select(&self, channels: &[usize]) -> Result<Audio> {
        if let Some(&missing) = channels.iter().find(|&&c| c >= self.channels()) {
            let remedy = "name channels from 0 to one less than the number there is";
            return Err(Error::Channels { expected: missing + 1, got: self.channels(), remedy });
        }
        if channels.is_empty() {
            return Err(Error::Channels { expected: 1, got: 0, remedy: "name at least one channel" });
        }
        Ok(Audio { samples: self.samples.select(Axis(0), channels), sample_rate: self.sample_rate })
    }

    /// A mono signal copied to `channels` channels.
    ///
    /// # Errors
    /// [`Error::Channels`] if the signal is not mono or `channels` is 0.
    pub fn upmix(&self, channels: usize) -> Result<Audio> {
        if self.channels() != 1 {
            let remedy = "only mono can be copied to more channels: take mono() or select() first";
            return Err(Error::Channels { expected: 1, got: self.channels(), remedy });
        }
        self.select(&vec![0; channels])
    }

    /// The largest magnitude of any sample; 0 for an empty signal.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |peak, x| x.abs().max(peak))
    }

    /// The root mean square over all channels, accumulated in f64; 0 for an empty signal.
    pub fn rms(&self) -> f32 {
        if self.samples.is_empty() {
            return 0.0;
        }
        let energy: f64 = self.samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (energy / self.samples.len() as f64).sqrt() as f32
    }
}

/// Seconds to the nearest frame.
pub(crate) fn seconds_to_frames(name: &'static str, seconds: f64, sample_rate: u32) -> Result<u64> {
    if !(seconds >= 0.0 && seconds.is_finite()) {
        return Err(Error::parameter(name, format!("{seconds} s"), "finite seconds, 0 or more"));
    }
    Ok((seconds * f64::from(sample_rate)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn stereo() -> Audio {
        Audio::new(array![[0.5, -1.0, 0.25, 0.0], [0.5, 0.0, -0.25, 1.0]], 4).unwrap()
    }

    #[test]
    fn channel_maths() {
        let audio = stereo();
        assert_eq!(audio.mono(), array![0.5, -0.5, 0.0, 0.5]);
        assert_eq!(audio.select(&[1]).unwrap().samples, array![[0.5, 0.0, -0.25, 1.0]]);
        assert_eq!(audio.select(&[1]).unwrap().upmix(3).unwrap().channels(), 3);
        assert!(audio.upmix(2).is_err() && audio.select(&[2]).is_err() && audio.select(&[]).is_err());
        assert_eq!((audio.peak(), audio.duration()), (1.0, 1.0));
        assert!((audio.rms() - (2.625f32 / 8.0).sqrt()).abs() < 1e-7);
    }

    #[test]
    fn slices_round_to_frames_and_stop_at_the_end() {
        let audio = stereo();
        assert_eq!(audio.slice(0.26, Some(0.5)).unwrap().samples, array![[-1.0, 0.25], [0.0, -0.25]]);
        assert_eq!(audio.slice(0.5, None).unwrap().frames(), 2);
        assert_eq!(audio.slice(1.0, Some(9.0)).unwrap().frames(), 0);
        assert!(audio.slice(1.5, None).is_err() && audio.slice(-0.1, None).is_err());
        assert!(audio.slice(0.0, Some(f64::NAN)).is_err());
    }

    #[test]
    fn new_refuses_what_no_recorder_makes() {
        assert!(Audio::new(Array2::zeros((0, 3)), 8000).is_err());
        assert!(Audio::new(Array2::zeros((1, 3)), 0).is_err());
        let error = Audio::new(array![[0.0, f32::NAN]], 8000).unwrap_err().to_string();
        assert!(error.contains("channel 0, frame 1"), "{error}");
        assert!(Audio::new(Array2::zeros((1, 0)), 8000).is_ok());
    }
}
