//! Read, resample, stream and write audio.
