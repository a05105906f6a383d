//! Training and validation examples: random crops of pictures, with soft targets where they are mixed up.

use auscult_models_tch::Examples;

use super::augment::Augment;
use super::patches::{Picture, Window};
use crate::random::Random;

/// Crops of `pictures`; each epoch shows every recording `crops` times, from random places.
pub(crate) struct Crops<'a> {
    pub(crate) pictures: Vec<&'a Picture>,
    pub(crate) labels: Vec<usize>,
    pub(crate) window: &'a Window,
    pub(crate) augment: &'a Augment,
    pub(crate) crops: usize,
    pub(crate) seed: u64,
}

impl Examples for Crops<'_> {
    fn len(&self) -> usize {
        self.pictures.len() * self.crops
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let mut random = Random::keyed(&[self.seed, epoch, index as u64]);
        let recording = index % self.pictures.len();
        let (rows, frames) = (self.pictures[recording].rows(), self.window.frames);
        self.crop(recording, input, &mut random);
        target.fill(0.0);
        let weight = self.augment.draw_mixup(&mut random);
        target[self.labels[recording]] += weight as f32;
        if weight < 1.0 {
            let other = random.below(self.pictures.len());
            let mut mixed = vec![0.0; input.len()];
            self.crop(other, &mut mixed, &mut random);
            let (a, b) = (weight as f32, 1.0 - weight as f32);
            input.iter_mut().zip(&mixed).for_each(|(x, &y)| *x = a * *x + b * y);
            target[self.labels[other]] += b;
        }
        self.augment.apply(input, rows, frames, &mut random);
    }
}

impl Crops<'_> {
    fn crop(&self, recording: usize, patch: &mut [f32], random: &mut Random) {
        let picture = self.pictures[recording];
        let frames = self.augment.draw_frames(self.window.frames, random);
        let start = random.below(picture.starts(&Window { frames, ..self.window.clone() }));
        if frames == self.window.frames {
            picture.cut(self.window, start, patch);
        } else {
            picture.cut_stretched(self.window, frames, start, patch);
        }
    }
}

/// Fixed vectors with one label each (the statistics baseline).
pub(crate) struct Vectors {
    pub(crate) inputs: Vec<Vec<f32>>,
    pub(crate) labels: Vec<usize>,
}

impl Examples for Vectors {
    fn len(&self) -> usize {
        self.inputs.len()
    }

    fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        input.copy_from_slice(&self.inputs[index]);
        target.fill(0.0);
        target[self.labels[index]] = 1.0;
    }
}
