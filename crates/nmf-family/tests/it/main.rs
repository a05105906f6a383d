//! Integration tests of auscult-nmf-family.
mod extraction;
mod extractor;
mod golden;
mod nmf;
