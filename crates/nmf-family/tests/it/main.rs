//! Integration tests of auscult-nmf-family.
mod extraction;
mod golden;
mod nmf;
