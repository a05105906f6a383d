//! Networks from elsewhere, as TorchScript files.

use std::path::Path;

use tch::CModule;

use crate::convert::to_vec;
use crate::device::Device;
use crate::error::{During, Error, Result};
use crate::masker::{in_batches, patches};

/// A TorchScript file (`torch.jit.save`) that makes masks: magnitudes `[example, 1, bin, frame]` in, masks
/// `[example, source, bin, frame]` out, as a [`Masker`](crate::Masker) does.
pub struct ScriptMasker {
    module: CModule,
    patch: [usize; 2],
    sources: usize,
    device: tch::Device,
}

impl ScriptMasker {
    /// Loads a file and runs it once on silence of `patch` bins and frames, to see how many masks it makes.
    ///
    /// # Errors
    /// If the file is missing or no TorchScript, or what it makes of a patch are no masks.
    pub fn load(path: &Path, patch: [usize; 2], device: Device) -> Result<Self> {
        // libtorch's own message for a missing file is a stack trace.
        std::fs::metadata(path).map_err(|error| Error::file("read", path, error))?;
        let device = device.open()?;
        let wrong = |error: Error| Error::format(path, format!("it cannot be used as TorchScript ({error})"));
        let mut module = CModule::load_on_device(path, device).during("loading").map_err(wrong)?;
        module.f_set_eval().during("leaving training mode").map_err(wrong)?;
        let mut script = ScriptMasker { module, patch, sources: 0, device };
        let shape = script.run(&vec![0.0; patch[0] * patch[1]]).map_err(wrong)?.size();
        match shape[..] {
            [1, sources, bins, frames] if [bins as usize, frames as usize] == patch && sources > 0 => {
                script.sources = sources as usize;
                Ok(script)
            }
            _ => {
                let reason = format!(
                    "it turns [1, 1, {}, {}] into {shape:?}, expected [1, sources, {0}, {1}]",
                    patch[0], patch[1]
                );
                Err(Error::format(path, reason))
            }
        }
    }

    /// How many masks it makes.
    pub fn sources(&self) -> usize {
        self.sources
    }

    /// Masks `[example, source, bin, frame]` for magnitudes `[example, bin, frame]`, `batch` patches at a time; what the
    /// module gives outside [0, 1] is clamped.
    ///
    /// # Errors
    /// As [`Masker::masks`](crate::Masker::masks), and if the module fails.
    pub fn masks(&self, magnitudes: &[f32], batch: usize) -> Result<Vec<f32>> {
        in_batches(magnitudes, self.patch, batch, |chunk| to_vec(&self.run(chunk)?))
    }

    fn run(&self, magnitudes: &[f32]) -> Result<tch::Tensor> {
        let _no_grad = tch::no_grad_guard();
        let input = patches(magnitudes, self.patch, self.device)?;
        let masks = self.module.forward_ts(&[input]).during("a TorchScript module")?;
        masks.f_clamp(0.0, 1.0).during("bounding masks")
    }
}

impl std::fmt::Debug for ScriptMasker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptMasker")
            .field("patch", &self.patch)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}
