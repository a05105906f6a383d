//! Examples, and the threads that fetch them ahead of the network.
//!
//! Which examples make a batch, and what is in them, depends on the seed and the epoch only: not on the number of
//! threads, nor on which of them is faster.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::random::permutation;

/// Something to learn from, as plain numbers.
///
/// `fill` is called from several threads; it must depend on its arguments (and a seed of its own) only, never on
/// earlier calls, so that a run repeats exactly and can be resumed anywhere.
pub trait Examples: Sync {
    /// How many examples make one epoch.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes example `index` of `epoch` into `input` (flattened, row-major) and what is to be learnt from it into
    /// `target`: for a classifier its distribution over the classes (sums to 1; soft for mixtures; one after the other
    /// for every frame of a sequence), for a masker the sources' magnitudes. Both arrive zeroed. Epochs count from 0.
    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]);
}

/// Some consecutive examples of an epoch.
pub(crate) struct Batch {
    pub(crate) inputs: Vec<f32>,
    pub(crate) targets: Vec<f32>,
    pub(crate) len: usize,
}

/// Which examples an epoch consists of, and in which order.
#[derive(Clone, Copy)]
pub(crate) struct Epoch<'a> {
    pub(crate) examples: &'a dyn Examples,
    pub(crate) number: u64,
    /// Seed of the order; `None` keeps the examples as they come.
    pub(crate) shuffle: Option<u64>,
    pub(crate) batch_size: usize,
    pub(crate) input_len: usize,
    pub(crate) target_len: usize,
    pub(crate) threads: usize,
}

/// Batches each thread may have ready before it waits.
const AHEAD: usize = 2;

impl Epoch<'_> {
    /// How many batches there are. The last may be smaller, but a single example left over joins the batch before:
    /// batch norms cannot learn from one.
    pub(crate) fn batches(&self) -> usize {
        let examples = self.examples.len();
        let lonely = self.batch_size > 1 && examples > 1 && examples % self.batch_size == 1;
        examples.div_ceil(self.batch_size) - usize::from(lonely)
    }

    /// The places of batch `index` in the order of the epoch.
    fn places(&self, index: usize) -> Range<usize> {
        let start = index * self.batch_size;
        start..if index + 1 == self.batches() { self.examples.len() } else { start + self.batch_size }
    }

    /// Starts the loader threads at batch `first` and hands `consume` the batches in order.
    pub(crate) fn load<T>(&self, first: usize, consume: impl FnOnce(&mut Batches) -> Result<T>) -> Result<T> {
        let order = match self.shuffle {
            Some(seed) => permutation(self.examples.len(), seed, self.number),
            None => (0..self.examples.len()).collect(),
        };
        let remaining = self.batches().saturating_sub(first);
        let threads = self.threads.clamp(1, remaining.max(1));
        std::thread::scope(|scope| {
            let mut receivers = Vec::new();
            let mut loaders = Vec::new();
            for thread in 0..threads {
                let (sender, receiver) = sync_channel(AHEAD);
                receivers.push(receiver);
                // Each thread takes every n-th batch, so that the reader finds them in order by going round.
                let batches = (first + thread..self.batches()).step_by(threads);
                let order = &order;
                loaders.push(scope.spawn(move || {
                    for batch in batches {
                        // The reader has hung up: it has seen enough.
                        if sender.send(self.fill(&order[self.places(batch)])).is_err() {
                            break;
                        }
                    }
                }));
            }
            let mut batches = Batches { receivers, next: 0, remaining, waited: Duration::ZERO };
            let result = consume(&mut batches);
            drop(batches);
            // Joined by hand, a panic in `Examples::fill` does not spread: the reader has met `LoaderStopped`.
            loaders.into_iter().for_each(|loader| drop(loader.join()));
            result
        })
    }

    fn fill(&self, indices: &[usize]) -> Result<Batch> {
        let mut inputs = vec![0.0; indices.len() * self.input_len];
        let mut targets = vec![0.0; indices.len() * self.target_len];
        let rows = inputs.chunks_exact_mut(self.input_len).zip(targets.chunks_exact_mut(self.target_len));
        for (&index, (input, target)) in indices.iter().zip(rows) {
            self.examples.fill(self.number, index, input, target);
            if !input.iter().chain(target.iter()).all(|value| value.is_finite()) {
                return Err(Error::NotFinite { epoch: self.number, index });
            }
        }
        Ok(Batch { inputs, targets, len: indices.len() })
    }
}

/// The batches of an epoch, in order.
pub(crate) struct Batches {
    receivers: Vec<Receiver<Result<Batch>>>,
    next: usize,
    remaining: usize,
    /// Time spent waiting for data so far.
    pub(crate) waited: Duration,
}

impl Batches {
    pub(crate) fn next(&mut self) -> Option<Result<Batch>> {
        if self.remaining == 0 {
            return None;
        }
        let start = Instant::now();
        let batch = self.receivers[self.next].recv().unwrap_or(Err(Error::LoaderStopped));
        self.waited += start.elapsed();
        self.remaining -= 1;
        self.next = (self.next + 1) % self.receivers.len();
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(usize);

    impl Examples for Numbers {
        fn len(&self) -> usize {
            self.0
        }

        fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
            // Some are slow, so that threads finish out of order.
            std::thread::sleep(Duration::from_micros((index as u64 * 7919) % 300));
            input.copy_from_slice(&[epoch as f32, index as f32]);
            target[0] = 1.0;
        }
    }

    fn epoch(examples: &dyn Examples, number: u64, threads: usize) -> Epoch<'_> {
        Epoch { examples, number, shuffle: Some(5), batch_size: 4, input_len: 2, target_len: 1, threads }
    }

    fn inputs(epoch: &Epoch, first: usize) -> Vec<Vec<f32>> {
        let collect = |batches: &mut Batches| {
            let mut all = Vec::new();
            while let Some(batch) = batches.next() {
                all.push(batch?.inputs);
            }
            Ok(all)
        };
        epoch.load(first, collect).unwrap()
    }

    #[test]
    fn batches_are_the_same_for_any_number_of_threads() {
        let numbers = Numbers(43);
        let one = inputs(&epoch(&numbers, 3, 1), 0);
        assert_eq!(one.len(), 11);
        assert_eq!(one[10].len(), 3 * 2, "the last batch is kept though it is not full");
        for threads in [2, 3, 5, 100] {
            assert_eq!(inputs(&epoch(&numbers, 3, threads), 0), one);
        }
        assert_ne!(inputs(&epoch(&numbers, 4, 2), 0), one);
    }

    #[test]
    fn every_example_comes_once_an_epoch() {
        // One over a multiple of the batch size joins the batch before.
        for (len, last) in [(43, 3), (41, 5), (40, 4), (5, 5), (1, 1)] {
            let numbers = Numbers(len);
            let batches = inputs(&epoch(&numbers, 0, 2), 0);
            assert_eq!(batches.last().map(Vec::len), Some(2 * last), "{len}");
            let mut seen: Vec<f32> = batches.concat().chunks(2).map(|input| input[1]).collect();
            seen.sort_by(f32::total_cmp);
            assert!(seen.into_iter().eq((0..len).map(|index| index as f32)), "{len}");
        }
    }

    #[test]
    fn an_epoch_can_be_entered_anywhere() {
        let numbers = Numbers(43);
        let whole = inputs(&epoch(&numbers, 1, 2), 0);
        for first in [1, 2, 10, 11, 12] {
            assert_eq!(inputs(&epoch(&numbers, 1, 3), first), whole[first.min(11)..]);
        }
    }

    #[test]
    fn a_reader_may_leave_early() {
        let numbers = Numbers(1000);
        let first = epoch(&numbers, 0, 3).load(0, |batches| batches.next().unwrap()).unwrap();
        assert_eq!(first.len, 4);
    }

    struct Broken;

    impl Examples for Broken {
        fn len(&self) -> usize {
            6
        }

        fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], _target: &mut [f32]) {
            input[0] = if index == 5 { f32::NAN } else { 0.0 };
        }
    }

    #[test]
    fn a_broken_example_is_named() {
        let epoch = Epoch { shuffle: None, ..epoch(&Broken, 2, 2) };
        let error = epoch
            .load(0, |batches| {
                while let Some(batch) = batches.next() {
                    batch?;
                }
                Ok(())
            })
            .unwrap_err();
        assert!(matches!(error, Error::NotFinite { epoch: 2, index: 5 }), "{error}");
    }
}
