//! Inputs the benches share: fixed seeds, sizes named in each bench id.
