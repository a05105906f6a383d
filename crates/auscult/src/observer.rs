//! How long work reports itself: the library tells an [`Observer`], the command draws.

use std::ops::ControlFlow;

/// Told what happens during long work. All methods have empty defaults; [`Quiet`] uses them.
pub trait Observer: Send {
    /// A stage of `total` steps begins, e.g. "features", 70.
    fn begin(&mut self, stage: &str, total: u64) {
        let _ = (stage, total);
    }

    /// The stage has come to step `done`; `note` is a short figure such as a loss. `Break` asks to stop
    /// soon: what is finished stays on disk and the same call goes on from there.
    fn advance(&mut self, done: u64, note: &str) -> ControlFlow<()> {
        let _ = (done, note);
        ControlFlow::Continue(())
    }

    /// The stage is over.
    fn end(&mut self, summary: &str) {
        let _ = summary;
    }

    /// Something the user should know that does not stop the work.
    fn warn(&mut self, message: &str) {
        let _ = message;
    }
}

/// An observer that says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {}
