//! What is active when: frames, segments of a grid, events with onset and offset.

mod event_based;
mod frame_scores;
mod segment_based;
mod smoothing;

pub use event_based::EventMatching;
pub use frame_scores::{DetectionScores, FrameScores};
pub use segment_based::{SegmentErrors, segment_based_errors};
pub use smoothing::{active_spans, hysteresis, median_filter};
