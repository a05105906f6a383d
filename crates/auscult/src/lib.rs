//! Machine listening.
