//! `cargo xtask`: the driver.
fn main() {}
