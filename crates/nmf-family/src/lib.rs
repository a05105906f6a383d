//! NMF family.
