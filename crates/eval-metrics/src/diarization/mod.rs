//! Who spoke when, in continuous time.

mod errors;
mod rttm;
mod scoring;
mod uem;

pub use errors::{DiarizationErrors, JaccardErrors};
pub use rttm::{Recordings, parse_rttm, read_rttm, write_rttm};
pub use scoring::{DiarizationScores, DiarizationScoring};
pub use uem::{ScoredRegions, parse_uem, read_uem, write_uem};
