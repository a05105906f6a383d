//! The ceiling on memory: what Rust code holds while a file is read is counted, and too much is a failure.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The allocator, which counts. libtorch has one of its own; the fuzzer's limit on the whole process sees that.
#[derive(Debug)]
pub struct Ceiling;

#[global_allocator]
static COUNTING: Ceiling = Ceiling;

/// Bytes held now.
static HELD: AtomicUsize = AtomicUsize::new(0);
/// The most bytes ever held since `watch` began, where one does.
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// Above this many bytes no allocation is granted, so that a file that asks for 2^40 does not stop the machine.
const GRANTED: usize = 4 << 30;

impl Ceiling {
    /// The bytes a reader may hold while it reads one file of at most a few hundred kilobytes.
    pub const BYTES: usize = 384 << 20;

    /// Runs `work` and fails if it held too much at any moment.
    ///
    /// # Panics
    /// If it did.
    pub fn watch<T>(work: impl FnOnce() -> T) -> T {
        let before = HELD.load(Relaxed);
        PEAK.store(before, Relaxed);
        let done = work();
        let held = PEAK.load(Relaxed).saturating_sub(before);
        assert!(
            held <= Self::BYTES,
            "{} MB were held at once, at most {} MB may be",
            held >> 20,
            Self::BYTES >> 20
        );
        done
    }
}

fn took(bytes: usize) {
    let held = HELD.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(held, Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Ceiling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > GRANTED {
            return std::ptr::null_mut();
        }
        took(layout.size());
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > GRANTED {
            return std::ptr::null_mut();
        }
        took(layout.size());
        // SAFETY: as above. Pages that are never written cost nothing, but count: who asks for them means to.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > GRANTED {
            return std::ptr::null_mut();
        }
        took(size);
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
