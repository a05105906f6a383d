//! Networks for machine listening on libtorch: describe, train, save, predict.
//!
//! Features go in as plain `f32` slices and probabilities (of a [`Classifier`]) or masks (of a [`Masker`]) come out the
//! same way; tensors stay inside. What this crate adds to tch:
//!
//! * networks as plain descriptions ([`Network`]) that recipes and checkpoints hold;
//! * initial weights by PyTorch's, Keras' and the papers' rules ([`Init`]);
//! * optimisers with a state that can be saved ([`OptimizerParams`]), equal to PyTorch's to 1e-6;
//! * training that a kill cannot harm ([`train_classifier`], [`train_masker`]): resumed, it ends with the same weights to the last bit;
//! * autoencoders, and the error of each reconstruction ([`Autoencoder`]);
//! * weights in files that PyTorch reads and writes ([`Classifier::save`], [`Classifier::load_weights`]).
//!
//! # Conventions
//! Arrays are flattened row-major. An example's shape leaves out the batch axis: images are `[channel, mel, frame]`,
//! feature vectors `[feature]`. Targets are distributions over the classes. Epochs and steps count from 0.
//! Everything is 32-bit floating point.
//!
//! # Example
//! ```
//! use auscult_models_tch::{Classifier, Device, Examples, Network, OptimizerParams, TrainParams, train_classifier};
//!
//! struct Halves; // Which half of the vector is louder?
//! impl Examples for Halves {
//!     fn len(&self) -> usize { 64 }
//!     fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
//!         input[if index % 2 == 0 { index % 4 } else { 4 + index % 4 }] = 1.0;
//!         target[index % 2] = 1.0;
//!     }
//! }
//!
//! # fn main() -> auscult_models_tch::Result<()> {
//! let network = Network::Mlp { hidden: vec![8], dropout: 0.0 };
//! let classes = ["first".to_string(), "second".to_string()];
//! let mut classifier = Classifier::new(&network, &[8], &classes, 7, Device::Cpu)?;
//! let params = TrainParams::default().epochs(20).batch_size(16).optimizer(OptimizerParams::adam(0.03));
//! let watch = &mut |_: &_| std::ops::ControlFlow::Continue(());
//! let history = train_classifier(&mut classifier, &Halves, None, &params, None, watch)?;
//! assert_eq!(history.epochs[19].train_accuracy, Some(1.0));
//! let probabilities = classifier.predict(&[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1)?;
//! assert!(probabilities[0] > 0.5);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! | feature | effect |
//! |---|---|
//! | `doc-only` | builds the documentation where there is no libtorch; links nothing, so never combine it with tests |
//!
//! # Which libtorch
//! tch 0.24 needs libtorch 2.11; see the crate's README for the others and for how the linker and the loader find it.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod autoencoder;
mod budget;
mod classifier;
mod convert;
mod device;
mod error;
mod examples;
mod history;
mod init;
mod layers;
mod masker;
mod masking;
mod networks;
mod optimizer;
mod random;
mod schedule;
mod script;
mod storage;
mod trainer;
mod training;

pub use autoencoder::{Autoencoder, train_autoencoder};
pub use classifier::Classifier;
pub use device::{Device, cuda_devices, set_threads};
pub use error::{Error, Result};
pub use examples::Examples;
pub use history::{EpochRecord, History, Position, Progress};
pub use init::Init;
pub use masker::{Masker, MaskerParams};
pub use masking::train_masker;
pub use networks::{BirdResNetParams, Network, ScnnVariant, SeResNetParams, UNetParams};
pub use optimizer::OptimizerParams;
pub use schedule::{EarlyStopping, Monitor, Schedule};
pub use script::ScriptMasker;
pub use training::{Keep, TrainParams, train_classifier};

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
