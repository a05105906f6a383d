//! Features to network input: scaling, patches around a frame, sequences.

use auscult_models_tch::Network;
use ndarray::{Array1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::front_end::FrontEnd;

/// What of a song the network sees at once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// Frames: 80 (1.14 s) for SE-ResNets, 115 (1.64 s) for the SCNN, 218 (3.5 s) for the Bi-LSTM.
    pub frames: usize,
    /// Frames between training examples.
    pub hop: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { frames: 80, hop: 5 }
    }
}

impl Window {
    /// The shape of one example: a picture `[1, value, frame]`, or a sequence `[frame, value]`.
    #[must_use]
    pub fn shape(&self, network: &Network, front_end: FrontEnd) -> Vec<usize> {
        match network {
            Network::BiLstm => vec![self.frames, front_end.width()],
            _ => vec![1, front_end.width(), self.frames],
        }
    }
}

/// Features to unit variance: z = (x - mean) / deviation, per value, from training songs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Scaling {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scaling {
    /// Whether it is for features of this width: a damaged file may be for none at all.
    pub(super) fn fits(&self, width: usize) -> bool {
        self.mean.len() == width && self.deviation.len() == width
    }

    /// Fits on the frames of training songs.
    #[must_use]
    pub fn fit<'a>(songs: impl Iterator<Item = ArrayView2<'a, f32>>) -> Self {
        let (mut count, mut mean, mut squares) = (0.0, Array1::<f64>::zeros(0), Array1::<f64>::zeros(0));
        // Song by song, by Chan's rule for joining two sets: sums of squares of decibels would lose digits.
        for song in songs {
            let song = song.mapv(f64::from);
            let Some(of_song) = song.mean_axis(Axis(0)) else { continue };
            let spread = (&song - &of_song).mapv(|x| x * x).sum_axis(Axis(0));
            let added = song.nrows() as f64;
            if count == 0.0 {
                (count, mean, squares) = (added, of_song, spread);
                continue;
            }
            let (total, shift) = (count + added, &of_song - &mean);
            squares = squares + spread + shift.mapv(|x| x * x) * (count * added / total);
            mean = mean + shift * (added / total);
            count = total;
        }
        let deviation = squares.mapv(|x| (x / f64::max(count, 1.0)).sqrt().max(1e-3) as f32);
        Self { mean: mean.iter().map(|&x| x as f32).collect(), deviation: deviation.to_vec() }
    }

    /// Scales a patch `[value, frame]`, flattened.
    pub(crate) fn apply(&self, patch: &mut [f32], frames: usize) {
        for ((row, mean), deviation) in patch.chunks_exact_mut(frames).zip(&self.mean).zip(&self.deviation) {
            row.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
        }
    }

    /// Scales a sequence `[frame, value]`, flattened.
    fn apply_sequence(&self, sequence: &mut [f32]) {
        for frame in sequence.chunks_exact_mut(self.mean.len()) {
            for ((x, mean), deviation) in frame.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - mean) / deviation;
            }
        }
    }
}

/// Copies `frames` frames, `speed` frames of the song apart, around frame `centre` of `song` `[frame, value]` into a
/// patch `[value, frame]`; the column of the centre is `frames / 2`. Beyond its ends the song stands still.
pub(crate) fn cut(song: ArrayView2<f32>, centre: usize, frames: usize, speed: f64, patch: &mut [f32]) {
    let last = (song.nrows() - 1) as f64;
    for column in 0..frames {
        let place = centre as f64 + (column as f64 - (frames / 2) as f64) * speed;
        let place = place.clamp(0.0, last);
        let before = place as usize;
        let share = (place - before as f64) as f32;
        let row = song.row(before);
        if share == 0.0 {
            row.iter().enumerate().for_each(|(value, &x)| patch[value * frames + column] = x);
        } else {
            let after = song.row(before + 1);
            for (value, (&a, &b)) in row.iter().zip(&after).enumerate() {
                patch[value * frames + column] = a + share * (b - a);
            }
        }
    }
}

/// Copies the scaled frames from `start` on into a sequence `[frame, value]`; beyond its end the song stands still.
pub(crate) fn cut_sequence(song: ArrayView2<f32>, start: usize, scaling: &Scaling, sequence: &mut [f32]) {
    let width = song.ncols();
    for (index, frame) in sequence.chunks_exact_mut(width).enumerate() {
        let row = song.row((start + index).min(song.nrows() - 1));
        frame.iter_mut().zip(row).for_each(|(x, &value)| *x = value);
    }
    scaling.apply_sequence(sequence);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, concatenate};

    #[test]
    fn patches_are_centred_and_stand_still_beyond_the_ends() {
        let song = Array2::from_shape_fn((10, 2), |(frame, value)| (frame + 100 * value) as f32);
        let patch = |centre, speed| {
            let mut patch = vec![0.0; 8];
            cut(song.view(), centre, 4, speed, &mut patch);
            patch
        };
        assert_eq!(patch(5, 1.0), [3., 4., 5., 6., 103., 104., 105., 106.]);
        assert_eq!(patch(1, 1.0)[..4], [0., 0., 1., 2.]);
        assert_eq!(patch(9, 1.0)[..4], [7., 8., 9., 9.]);
        assert_eq!(patch(5, 0.5)[..4], [4., 4.5, 5., 5.5]);
    }

    #[test]
    fn scaling_joins_songs_exactly() {
        let songs = [array![[1.0_f32, 70.0], [3.0, 80.0]], array![[8.0, 75.0], [0.0, 71.0], [5.5, 79.0]]];
        let scaling = Scaling::fit(songs.iter().map(|song| song.view()));
        let all = concatenate![Axis(0), songs[0], songs[1]];
        for value in 0..2 {
            assert!((scaling.mean[value] - all.column(value).mean().unwrap()).abs() < 1e-5);
            assert!((scaling.deviation[value] - all.column(value).std(0.0)).abs() < 1e-5);
        }
        let mut sequence = vec![0.0; 4];
        cut_sequence(songs[0].view(), 1, &scaling, &mut sequence);
        assert_eq!(sequence[..2], sequence[2..], "the last frame stands still");
        let mut patch = vec![3.0, 3.0, 80.0, 80.0];
        scaling.apply(&mut patch, 2);
        assert_eq!([patch[0], patch[2]], sequence[..2]);
    }
}
