//! Preparing many recordings at once: in parallel, in order, with one policy for bad ones.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use crate::observer::Observer;
use crate::{Error, Result};

/// What `prepare` makes of each item, in the items' order. With `skip_bad`, recordings that cannot be used are `None` and a
/// warning.
///
/// # Errors
/// Without `skip_bad` the first bad recording by order, the others being warned of, so that all can be mended at once;
/// [`Error::Interrupted`]; whatever else `prepare` fails with.
pub(crate) fn prepare_each<I: Sync, P: Send>(
    stage: &str,
    items: &[I],
    skip_bad: bool,
    observer: &mut dyn Observer,
    prepare: impl Fn(&I) -> Result<P> + Sync,
) -> Result<Vec<Option<P>>> {
    observer.begin(stage, items.len() as u64);
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let observer = Mutex::new(observer);
    let results: Vec<Option<Result<P>>> = items
        .par_iter()
        .map(|item| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let result = prepare(item);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Ok(mut observer) = observer.lock()
                && observer.advance(done, "").is_break()
            {
                stop.store(true, Ordering::Relaxed);
            }
            Some(result)
        })
        .collect();
    let observer = observer.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut prepared = Vec::with_capacity(results.len());
    let mut bad = 0;
    let mut first = None;
    for result in results {
        match result {
            None => return Err(Error::Interrupted),
            Some(Ok(one)) => prepared.push(Some(one)),
            Some(Err(error @ Error::Recording { .. })) => {
                if skip_bad {
                    observer.warn(&format!("skipped {error}"));
                } else if first.is_some() {
                    observer.warn(&error.to_string());
                } else {
                    first = Some(error);
                }
                prepared.push(None);
                bad += 1;
            }
            Some(Err(error)) => return Err(error),
        }
    }
    if let Some(first) = first {
        return Err(first);
    }
    observer.end(&match bad {
        0 => format!("{} recordings", prepared.len()),
        _ => format!("{} recordings, {bad} skipped", prepared.len() - bad),
    });
    Ok(prepared)
}

/// Keeps the items that are marked.
pub(crate) fn keep_marked<T>(items: &mut Vec<T>, marks: &[bool]) {
    let mut marks = marks.iter();
    items.retain(|_| marks.next().copied().unwrap_or(false));
}
