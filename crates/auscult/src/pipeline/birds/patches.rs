//! Features to network input: scaling, combination of log-mel and MFCC, windows (paper 001, 3.1).

use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

use super::features::{Features, FrontEnd};

/// What of a recording the network sees.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// Frames; 128 is 2.97 s with the paper's front end.
    pub frames: usize,
    /// How a clip shorter than the window is filled.
    pub padding: Padding,
    /// How log-mel and MFCC become one picture.
    pub combine: Combine,
}

/// How a clip shorter than the window is filled.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Repeat the clip, as the paper's 5.2 proposes: padding then says nothing about the clip's length.
    #[default]
    Loop,
    /// Zeros (the mean, after scaling), split at random before and after, as in the paper's experiments.
    Zero,
}

/// How log-mel `[band]` and MFCC become the rows of one picture, low rows first.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// The MFCC overwrite the lowest mel bands: 128 rows (version 20, the paper's final one).
    #[default]
    Overwrite,
    /// The MFCC on top of all mel bands: 148 rows (versions 16 to 18).
    Concat,
    /// Mel bands alone.
    MelOnly,
    /// MFCC alone.
    MfccOnly,
}

impl Default for Window {
    fn default() -> Self {
        Self { frames: 128, padding: Padding::Loop, combine: Combine::Overwrite }
    }
}

impl Window {
    /// Rows of the picture.
    #[must_use]
    pub fn rows(&self, front_end: &FrontEnd) -> usize {
        match self.combine {
            Combine::Overwrite | Combine::MelOnly => front_end.n_mels,
            Combine::Concat => front_end.n_mels + front_end.n_mfcc,
            Combine::MfccOnly => front_end.n_mfcc,
        }
    }

    /// Input shape `[1, row, frame]`.
    #[must_use]
    pub fn shape(&self, front_end: &FrontEnd) -> [usize; 3] {
        [1, self.rows(front_end), self.frames]
    }

    pub(crate) fn check(&self, front_end: &FrontEnd) -> Result<(), String> {
        if self.frames == 0 {
            return Err("window.frames must be at least 1".into());
        }
        if front_end.n_mfcc > front_end.n_mels && front_end.n_mels > 0 {
            return Err(format!(
                "{} mel bands have no {} MFCC: front_end.n_mfcc may be front_end.n_mels at most",
                front_end.n_mels, front_end.n_mfcc
            ));
        }
        if self.combine == Combine::Overwrite && front_end.n_mfcc > front_end.n_mels {
            return Err(format!("{} MFCC cannot overwrite {} mel bands", front_end.n_mfcc, front_end.n_mels));
        }
        if self.rows(front_end) == 0 {
            return Err("the picture has no rows: front_end.n_mels and n_mfcc leave nothing to see".into());
        }
        Ok(())
    }
}

/// How features are scaled before they are combined.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// One mean and deviation for all log-mel pixels, one for all MFCC pixels, from training recordings.
    #[default]
    Scalar,
    /// One mean and deviation per mel band and per coefficient, from training recordings.
    Band,
    /// Log-mel minus the recording's own median in each band (steady background goes), then one deviation
    /// from training recordings; MFCC as in `band`.
    Recording,
    /// The constants printed in the paper, which were taken over training and test data together.
    Published,
}

/// A fitted [`Normalisation`]: z = (x - mean) / deviation, per feature value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Scaling {
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// Whether the recording's own band medians are taken off first.
    per_recording: bool,
}

/// Table in the paper's 2.2: mean and standard deviation of log-mel and of MFCC pixels.
const PUBLISHED: [(f64, f64); 2] = [(-7.40798, 3.80885), (-19.00330, 86.45496)];

impl Scaling {
    /// Whether it is for features of this width: a damaged file may be for none at all.
    pub(super) fn fits(&self, width: usize) -> bool {
        self.mean.len() == width && self.deviation.len() == width
    }

    /// Fits on training recordings (for `Published` there is nothing to fit).
    #[must_use]
    pub fn fit<'a>(
        normalisation: Normalisation,
        front_end: &FrontEnd,
        training: impl Iterator<Item = &'a Features>,
    ) -> Self {
        let (n_mels, width) = (front_end.n_mels, front_end.width());
        let per_recording = normalisation == Normalisation::Recording;
        let mut moments = Moments::new(width);
        if normalisation != Normalisation::Published {
            for features in training {
                let medians = if per_recording { band_medians(features) } else { vec![0.0; n_mels] };
                moments.add(features.values(), &medians);
            }
        }
        let pool = |range: std::ops::Range<usize>| {
            let (mean, deviation) = moments.pooled(range.clone());
            range.map(move |_| (mean, deviation))
        };
        let each = |range: std::ops::Range<usize>| {
            let each: Vec<_> = range.map(|value| moments.pooled(value..value + 1)).collect();
            each.into_iter()
        };
        let pairs: Vec<(f64, f64)> = match normalisation {
            Normalisation::Scalar => pool(0..n_mels).chain(pool(n_mels..width)).collect(),
            Normalisation::Band => each(0..width).collect(),
            Normalisation::Recording => pool(0..n_mels).chain(each(n_mels..width)).collect(),
            Normalisation::Published => {
                (0..width).map(|value| PUBLISHED[usize::from(value >= n_mels)]).collect()
            }
        };
        Self {
            mean: pairs.iter().map(|pair| pair.0 as f32).collect(),
            deviation: pairs.iter().map(|pair| pair.1.max(1e-6) as f32).collect(),
            per_recording,
        }
    }

    /// Mean and deviation of each feature value, mel bands first.
    pub fn statistics(&self) -> impl Iterator<Item = (f32, f32)> {
        self.mean.iter().copied().zip(self.deviation.iter().copied())
    }
}

/// Running sums for mean and deviation, in f64.
struct Moments {
    count: f64,
    sum: Array1<f64>,
    square: Array1<f64>,
}

impl Moments {
    fn new(width: usize) -> Self {
        Self { count: 0.0, sum: Array1::zeros(width), square: Array1::zeros(width) }
    }

    fn add(&mut self, values: ArrayView2<f32>, medians: &[f32]) {
        self.count += values.nrows() as f64;
        for frame in values.rows() {
            for (index, &value) in frame.iter().enumerate() {
                let value = f64::from(value - medians.get(index).copied().unwrap_or(0.0));
                self.sum[index] += value;
                self.square[index] += value * value;
            }
        }
    }

    fn pooled(&self, range: std::ops::Range<usize>) -> (f64, f64) {
        let count = (self.count * range.len() as f64).max(1.0);
        let mean = range.clone().map(|i| self.sum[i]).sum::<f64>() / count;
        let square = range.map(|i| self.square[i]).sum::<f64>() / count;
        (mean, (square - mean * mean).max(0.0).sqrt())
    }
}

fn band_medians(features: &Features) -> Vec<f32> {
    let log_mel = features.log_mel();
    log_mel
        .columns()
        .into_iter()
        .map(|column| {
            let mut sorted = column.to_vec();
            let middle = sorted.len() / 2;
            if sorted.is_empty() { 0.0 } else { *sorted.select_nth_unstable_by(middle, f32::total_cmp).1 }
        })
        .collect()
}

/// A recording as the network may see it: scaled and combined, `[row][frame]`, any window cut from it.
#[derive(Clone, Debug)]
pub struct Picture {
    rows: usize,
    frames: usize,
    /// Frame-major: window cuts are contiguous.
    pixels: Vec<f32>,
}

impl Picture {
    /// Scales and combines.
    #[must_use]
    pub fn new(features: &Features, scaling: &Scaling, window: &Window, front_end: &FrontEnd) -> Self {
        let (n_mels, n_mfcc) = (front_end.n_mels, front_end.n_mfcc);
        let medians = if scaling.per_recording { band_medians(features) } else { Vec::new() };
        // Which feature value each row shows.
        let shown: Vec<usize> = match window.combine {
            Combine::Overwrite => (n_mels..n_mels + n_mfcc).chain(n_mfcc..n_mels).collect(),
            Combine::Concat => (n_mels..n_mels + n_mfcc).chain(0..n_mels).collect(),
            Combine::MelOnly => (0..n_mels).collect(),
            Combine::MfccOnly => (n_mels..n_mels + n_mfcc).collect(),
        };
        let mut pixels = Vec::with_capacity(features.frames() * shown.len());
        for frame in features.values().rows() {
            pixels.extend(shown.iter().map(|&value| {
                let background = medians.get(value).copied().unwrap_or(0.0);
                (frame[value] - background - scaling.mean[value]) / scaling.deviation[value]
            }));
        }
        Self { rows: shown.len(), frames: features.frames(), pixels }
    }

    /// Frames of the recording.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many places a window of `frames` can begin at: looped clips begin anywhere, zero-padded ones
    /// slide inside the window.
    #[must_use]
    pub fn starts(&self, window: &Window) -> usize {
        match window.padding {
            Padding::Loop if self.frames < window.frames => self.frames.max(1),
            _ => self.frames.abs_diff(window.frames) + 1,
        }
    }

    /// [`cut`](Self::cut) of a window of `source` frames, squeezed or stretched to `window.frames` by linear
    /// interpolation along time.
    pub fn cut_stretched(&self, window: &Window, source: usize, start: usize, patch: &mut [f32]) {
        let wide = Window { frames: source, ..window.clone() };
        let mut frames = vec![0.0; self.rows * source];
        self.cut(&wide, start, &mut frames);
        let step = (source - 1) as f32 / (window.frames - 1).max(1) as f32;
        for (from, to) in frames.chunks_exact(source).zip(patch.chunks_exact_mut(window.frames)) {
            for (frame, pixel) in to.iter_mut().enumerate() {
                let place = frame as f32 * step;
                let below = (place as usize).min(source.saturating_sub(2));
                let share = place - below as f32;
                *pixel = from[below] * (1.0 - share) + from[(below + 1).min(source - 1)] * share;
            }
        }
    }

    /// Writes the window that begins at place `start` (below [`starts`](Self::starts)) into `patch`
    /// `[row, frame]`, row-major, `rows x window.frames` long.
    pub fn cut(&self, window: &Window, start: usize, patch: &mut [f32]) {
        let looped = window.padding == Padding::Loop;
        for frame in 0..window.frames {
            let source = if self.frames >= window.frames {
                Some(start + frame)
            } else if looped {
                Some((start + frame) % self.frames.max(1))
            } else {
                frame.checked_sub(start).filter(|&frame| frame < self.frames)
            };
            match source.filter(|&source| source < self.frames) {
                Some(source) => {
                    let column = &self.pixels[source * self.rows..][..self.rows];
                    for (row, &pixel) in column.iter().enumerate() {
                        patch[row * window.frames + frame] = pixel;
                    }
                }
                None => (0..self.rows).for_each(|row| patch[row * window.frames + frame] = 0.0),
            }
        }
    }

    /// Places of windows that cover the recording, `hop` frames apart, the last one flush with the end.
    #[must_use]
    pub fn covering(&self, window: &Window, hop: usize) -> Vec<usize> {
        if self.frames <= window.frames {
            // A short clip fills one window; zero-padded ones are centred.
            let centre = if window.padding == Padding::Zero { self.starts(window) / 2 } else { 0 };
            return vec![centre];
        }
        let last = self.frames - window.frames;
        let mut starts: Vec<usize> = (0..last).step_by(hop.max(1)).collect();
        starts.push(last);
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixel is 10 x row + frame + 1.
    fn picture(rows: usize, frames: usize) -> Picture {
        let pixels =
            (0..frames).flat_map(|frame| (0..rows).map(move |row| (10 * row + frame + 1) as f32)).collect();
        Picture { rows, frames, pixels }
    }

    fn cut(picture: &Picture, window: &Window, start: usize) -> Vec<f32> {
        let mut patch = vec![f32::NAN; picture.rows * window.frames];
        picture.cut(window, start, &mut patch);
        patch
    }

    #[test]
    fn long_recordings_are_cut_and_short_ones_filled() {
        let window = |padding| Window { frames: 3, padding, combine: Combine::MelOnly };
        let long = picture(2, 5);
        assert_eq!(long.starts(&window(Padding::Loop)), 3);
        assert_eq!(cut(&long, &window(Padding::Loop), 2), [3., 4., 5., 13., 14., 15.]);
        let short = picture(1, 2);
        assert_eq!(short.starts(&window(Padding::Loop)), 2);
        assert_eq!(cut(&short, &window(Padding::Loop), 1), [2., 1., 2.]);
        assert_eq!(short.starts(&window(Padding::Zero)), 2);
        assert_eq!(cut(&short, &window(Padding::Zero), 0), [1., 2., 0.]);
        assert_eq!(cut(&short, &window(Padding::Zero), 1), [0., 1., 2.]);
    }

    #[test]
    fn stretching_by_nothing_changes_nothing() {
        let window = Window { frames: 4, ..Window::default() };
        let picture = picture(2, 9);
        let mut patch = vec![0.0; 8];
        picture.cut_stretched(&window, 4, 3, &mut patch);
        assert_eq!(patch, cut(&picture, &window, 3));
        picture.cut_stretched(&window, 7, 0, &mut patch);
        assert_eq!(patch[..4], [1., 3., 5., 7.]);
    }

    #[test]
    fn covering_windows_reach_the_end() {
        let window = Window { frames: 4, ..Window::default() };
        assert_eq!(picture(1, 11).covering(&window, 2), [0, 2, 4, 6, 7]);
        assert_eq!(picture(1, 4).covering(&window, 2), [0]);
        assert_eq!(picture(1, 2).covering(&window, 2), [0]);
        let zero = Window { padding: Padding::Zero, ..window };
        assert_eq!(picture(1, 2).covering(&zero, 2), [1]);
    }

    fn features(values: &[[f32; 3]]) -> Features {
        Features::from_values(ndarray::arr2(values), 2)
    }

    #[test]
    fn scaling_is_fitted_on_what_it_is_given() {
        let front_end = FrontEnd { n_mels: 2, n_mfcc: 1, ..FrontEnd::default() };
        let training = features(&[[0., 2., 5.], [2., 4., 7.]]);
        let statistics = |normalisation| {
            Scaling::fit(normalisation, &front_end, [&training].into_iter()).statistics().collect::<Vec<_>>()
        };
        let all = (2.0, 2.0_f32.sqrt());
        assert_eq!(statistics(Normalisation::Scalar), [all, all, (6.0, 1.0)]);
        assert_eq!(statistics(Normalisation::Band), [(1.0, 1.0), (3.0, 1.0), (6.0, 1.0)]);
        assert_eq!(statistics(Normalisation::Published)[2], (-19.0033, 86.45496));
    }

    #[test]
    fn mfcc_overwrite_the_lowest_bands_or_come_on_top() {
        let front_end = FrontEnd { n_mels: 2, n_mfcc: 1, ..FrontEnd::default() };
        let scaling = Scaling { mean: vec![0.0; 3], deviation: vec![1.0; 3], per_recording: false };
        let rows = |combine| {
            let window = Window { frames: 1, combine, ..Window::default() };
            let picture = Picture::new(&features(&[[1., 2., 3.]]), &scaling, &window, &front_end);
            cut(&picture, &window, 0)
        };
        assert_eq!(rows(Combine::Overwrite), [3., 2.]);
        assert_eq!(rows(Combine::Concat), [3., 1., 2.]);
        assert_eq!(rows(Combine::MelOnly), [1., 2.]);
        assert_eq!(rows(Combine::MfccOnly), [3.]);
    }
}
