//! Integration tests of auscult-nmf-family.
mod golden;
mod nmf;
