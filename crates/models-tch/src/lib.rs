//! Networks on libtorch.
