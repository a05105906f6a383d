//! The `auscult` command.
fn main() {}
