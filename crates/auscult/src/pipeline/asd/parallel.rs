//! Work that falls into independent pieces, over the cores, with progress.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use crate::observer::Observer;
use crate::{Error, Result};

/// `work` on each of `0..count`; results in that order, whatever the number of threads. The first error by that order is
/// the one reported.
pub(super) fn each<T: Send>(
    stage: &str,
    count: usize,
    observer: &mut dyn Observer,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    observer.begin(stage, count as u64);
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let shared = Mutex::new(&mut *observer);
    let results: Vec<Result<T>> = (0..count)
        .into_par_iter()
        .map(|index| {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let result = work(index);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let break_off = shared.lock().is_ok_and(|mut observer| observer.advance(done, "").is_break());
            if break_off || result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            result
        })
        .collect();
    let mut values = Vec::with_capacity(count);
    let mut interrupted = false;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(Error::Interrupted) => interrupted = true,
            Err(error) => return Err(error),
        }
    }
    if interrupted || stop.into_inner() {
        return Err(Error::Interrupted);
    }
    observer.end(&format!("{count} done"));
    Ok(values)
}
