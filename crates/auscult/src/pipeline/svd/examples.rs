//! Training and validation examples: patches with the label of their centre, sequences with the labels of all frames.

use auscult_models_tch::Examples;
use ndarray::ArrayView2;

use super::augment::Augmenter;
use super::patches::{Scaling, Window, cut, cut_sequence};
use crate::random::Random;

/// A song as a network sees it.
pub(crate) struct Material<'a> {
    /// `[frame, value]`.
    pub(crate) values: ArrayView2<'a, f32>,
    /// Whether each frame is sung.
    pub(crate) sung: &'a [bool],
}

/// Classes are `nosing`, `sing`.
fn set_target(target: &mut [f32], sung: bool) {
    target[usize::from(sung)] = 1.0;
}

/// Patches of songs.
pub(crate) struct Patches<'a> {
    songs: Vec<Material<'a>>,
    window: Window,
    scaling: &'a Scaling,
    augmenter: Augmenter,
    seed: u64,
    /// Song and centre of every patch.
    places: Vec<(usize, usize)>,
    /// Those of them without any singing.
    instrumental: Vec<usize>,
    /// Patches of an epoch, drawn anew each time; `None` takes all of them.
    drawn: Option<usize>,
}

impl<'a> Patches<'a> {
    pub(crate) fn new(
        songs: Vec<Material<'a>>,
        window: Window,
        scaling: &'a Scaling,
        augmenter: Augmenter,
        drawn: Option<usize>,
        seed: u64,
    ) -> Self {
        let mut places = Vec::new();
        for (song, material) in songs.iter().enumerate() {
            places.extend((0..material.values.nrows()).step_by(window.hop).map(|centre| (song, centre)));
        }
        let silent = |&(song, centre): &(usize, usize)| {
            let sung = songs[song].sung;
            let first = centre.saturating_sub(window.frames / 2);
            !sung[first..(centre + window.frames / 2).min(sung.len())].contains(&true)
        };
        let instrumental = (0..places.len()).filter(|&index| silent(&places[index])).collect();
        Self { songs, window, scaling, augmenter, seed, places, instrumental, drawn }
    }

    fn cut_changed(&self, (song, centre): (usize, usize), patch: &mut [f32], random: &mut Random) {
        let speed = self.augmenter.strengths().draw_speed(random);
        cut(self.songs[song].values, centre, self.window.frames, speed, patch);
        self.augmenter.shift_pitch(patch, self.window.frames, random);
    }
}

impl Examples for Patches<'_> {
    fn len(&self) -> usize {
        self.drawn.unwrap_or(self.places.len())
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let frames = self.window.frames;
        let mut random = Random::keyed(&[self.seed, epoch, index as u64]);
        let place = self.places[self.drawn.map_or(index, |_| random.below(self.places.len()))];
        set_target(target, self.songs[place.0].sung[place.1]);
        if self.augmenter.strengths().is_off() {
            cut(self.songs[place.0].values, place.1, frames, 1.0, input);
            return self.scaling.apply(input, frames);
        }
        self.cut_changed(place, input, &mut random);
        if !self.instrumental.is_empty() && self.augmenter.strengths().draw_mix(&mut random) {
            let mut other = vec![0.0; input.len()];
            let other_place = self.places[self.instrumental[random.below(self.instrumental.len())]];
            self.cut_changed(other_place, &mut other, &mut random);
            self.augmenter.add(input, &other, &mut random);
        }
        self.augmenter.colour(input, frames, &mut random);
        self.scaling.apply(input, frames);
        self.augmenter.mask(input, frames, &mut random);
    }
}

/// Sequences of songs.
pub(crate) struct Sequences<'a> {
    songs: Vec<Material<'a>>,
    scaling: &'a Scaling,
    seed: u64,
    /// Song and first frame of every sequence.
    places: Vec<(usize, usize)>,
    drawn: Option<usize>,
}

impl<'a> Sequences<'a> {
    pub(crate) fn new(
        songs: Vec<Material<'a>>,
        window: Window,
        scaling: &'a Scaling,
        drawn: Option<usize>,
        seed: u64,
    ) -> Self {
        let mut places = Vec::new();
        for (song, material) in songs.iter().enumerate() {
            let last = material.values.nrows().saturating_sub(window.frames);
            places.extend((0..=last).step_by(window.hop).map(|start| (song, start)));
        }
        Self { songs, scaling, seed, places, drawn }
    }
}

impl Examples for Sequences<'_> {
    fn len(&self) -> usize {
        self.drawn.unwrap_or(self.places.len())
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let mut random = Random::keyed(&[self.seed, epoch, index as u64]);
        let (song, start) = self.places[self.drawn.map_or(index, |_| random.below(self.places.len()))];
        let Material { values, sung } = &self.songs[song];
        cut_sequence(*values, start, self.scaling, input);
        for (frame, target) in target.chunks_exact_mut(2).enumerate() {
            set_target(target, sung[(start + frame).min(sung.len() - 1)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::svd::{Augment, FrontEnd};
    use ndarray::Array2;

    const WINDOW: Window = Window { frames: 4, hop: 2 };

    /// A song whose every value is its frame's number, sung from frame 10 on.
    fn song() -> (Array2<f32>, Vec<bool>) {
        (
            Array2::from_shape_fn((20, 80), |(frame, _)| frame as f32),
            (0..20).map(|frame| frame >= 10).collect(),
        )
    }

    fn of<'a>(
        (values, sung): &'a (Array2<f32>, Vec<bool>),
        scaling: &'a Scaling,
        augment: Augment,
        drawn: Option<usize>,
    ) -> Patches<'a> {
        let material = Material { values: values.view(), sung };
        Patches::new(vec![material], WINDOW, scaling, Augmenter::new(augment, FrontEnd::default()), drawn, 7)
    }

    fn fill(examples: &dyn Examples, epoch: u64, index: usize, sizes: [usize; 2]) -> [Vec<f32>; 2] {
        let mut buffers = sizes.map(|size| vec![0.0; size]);
        let [input, target] = &mut buffers;
        examples.fill(epoch, index, input, target);
        buffers
    }

    #[test]
    fn patches_have_the_label_of_their_centre() {
        let song = song();
        let scaling = Scaling::fit([song.0.view()].into_iter());
        let patches = of(&song, &scaling, Augment::default(), None);
        assert_eq!(patches.len(), 10);
        for index in 0..10 {
            let [input, target] = fill(&patches, 0, index, [320, 2]);
            let sung = 2 * index >= 10;
            assert_eq!(target, [f32::from(u8::from(!sung)), f32::from(u8::from(sung))]);
            let centre = input[2] * song.0.column(0).std(0.0) + 9.5;
            assert!((centre - 2.0 * index as f32).abs() < 1e-4, "{centre} {index}");
        }
        // Frames 8 and 9 are silent, but a patch around 8 reaches frame 9 at most.
        assert_eq!(patches.instrumental, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn drawn_epochs_differ_and_repeat() {
        let song = song();
        let scaling = Scaling::fit([song.0.view()].into_iter());
        let strong = Augment { pitch: 0.3, stretch: 0.3, gain: 6.0, filter: 10.0, mix: 0.5, mask: 8 };
        let patches = of(&song, &scaling, strong, Some(3));
        assert_eq!(patches.len(), 3);
        let draw = |epoch, index| fill(&patches, epoch, index, [320, 2]);
        assert_eq!(draw(0, 1), draw(0, 1));
        assert_ne!(draw(0, 1), draw(1, 1));
        assert_ne!(draw(0, 1), draw(0, 2));
    }

    #[test]
    fn sequences_have_the_labels_of_all_frames() {
        let song = song();
        let scaling = Scaling::fit([song.0.view()].into_iter());
        let material = Material { values: song.0.view(), sung: &song.1 };
        let sequences = Sequences::new(vec![material], WINDOW, &scaling, None, 7);
        assert_eq!(sequences.len(), 9);
        let [input, target] = fill(&sequences, 0, 4, [320, 8]);
        assert_eq!(target, [1., 0., 1., 0., 0., 1., 0., 1.], "frames 8 to 11");
        assert!(input[0] < input[80]);
    }
}
