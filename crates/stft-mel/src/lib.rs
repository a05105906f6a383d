//! STFT, mel and friends.
