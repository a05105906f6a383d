//! Tensors in files: safetensors, written so that a kill leaves either the old file or the new one.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Tensor, nn};

use crate::convert::{dims, to_tensor, to_vec};
use crate::error::{During, Error, Result};
use crate::optimizer::sorted;

/// Key of our own text in a safetensors header.
const TEXT: &str = "auscult";

/// Named tensors and a text, as they lie in a file.
pub(crate) struct Stored {
    path: PathBuf,
    tensors: BTreeMap<String, (Vec<i64>, Vec<f32>)>,
    pub(crate) text: Option<String>,
}

/// Writes tensors, and a text in the same file's header, atomically.
///
/// Returns `false`, and leaves the file as it was, if any value is NaN or infinite.
pub(crate) fn write_tensors(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    text: Option<String>,
) -> Result<bool> {
    let mut values = Vec::new();
    for (name, tensor) in tensors {
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        let numbers = to_vec(tensor)?;
        if !numbers.iter().all(|number| number.is_finite()) {
            return Ok(false);
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        values.push((name, shape, bytes));
    }
    let views = values
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>();
    let header = text.map(|text| HashMap::from([(TEXT.to_owned(), text)]));
    let bytes = views
        .and_then(|views| safetensors::serialize(views, header))
        .map_err(|error| Error::format(path, error))?;
    write_atomically(path, &bytes)?;
    Ok(true)
}

/// Writes a file beside its place, then renames it.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = appended(path, ".part");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| Error::file("write", path, error))
}

/// `name.x` + `.part` = `name.x.part`; unlike `with_extension`, keeps every dot of the name.
pub(crate) fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes `STEM.safetensors` (the variables of `store`) and `STEM.json` (`sidecar`), each at once or not at all.
pub(crate) fn save_model(path_stem: &Path, store: &nn::VarStore, sidecar: &impl Serialize) -> Result<()> {
    let weights = appended(path_stem, ".safetensors");
    if !write_tensors(&weights, &sorted(store), None)? {
        return Err(Error::format(&weights, "the weights are not finite, so nothing was written"));
    }
    let path = appended(path_stem, ".json");
    let text = serde_json::to_string_pretty(sidecar).map_err(|error| Error::format(&path, error))?;
    write_atomically(&path, text.as_bytes())
}

/// Reads a model's `STEM.json`, whose field `format` must be `format`.
pub(crate) fn read_sidecar<S: DeserializeOwned>(path_stem: &Path, format: u32) -> Result<S> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let path = appended(path_stem, ".json");
    let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, error))?;
    let Format { format: found } =
        serde_json::from_str(&text).map_err(|error| Error::format(&path, error))?;
    if found != format {
        let reason = format!("it has format {found}, this version reads {format}");
        return Err(Error::format(&path, reason));
    }
    serde_json::from_str(&text).map_err(|error| Error::format(&path, error))
}

impl Stored {
    /// Reads a safetensors file of 32-bit floats; PyTorch's counters of batches are skipped.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| Error::file("read", path, error))?;
        let wrong = |error| Error::format(path, format!("it is no whole safetensors file ({error})"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(wrong)?;
        let text = header.metadata().as_ref().and_then(|entries| entries.get(TEXT).cloned());
        let mut tensors = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(wrong)?.iter() {
            if name.ends_with("num_batches_tracked") {
                continue;
            }
            if view.dtype() != Dtype::F32 {
                let reason = format!("`{name}` is {:?}: save it as 32-bit floats", view.dtype());
                return Err(Error::format(path, reason));
            }
            let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            tensors.insert(name.to_owned(), (dims(view.shape()), numbers.collect()));
        }
        Ok(Stored { path: path.to_owned(), tensors, text })
    }

    /// How many numbers there are.
    pub(crate) fn numbers(&self) -> usize {
        self.tensors.values().map(|(_, values)| values.len()).sum()
    }

    /// The tensors whose names begin with `prefix`, by the rest of their names.
    pub(crate) fn part(&self, prefix: &str) -> Stored {
        let tensors = self
            .tensors
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect();
        Stored { path: self.path.clone(), tensors, text: None }
    }

    /// Copies the tensors into these, which must be the same by name and shape.
    pub(crate) fn copy_into(&self, targets: BTreeMap<String, Tensor>) -> Result<()> {
        if let Some(extra) = self.tensors.keys().find(|name| !targets.contains_key(*name)) {
            return Err(Error::format(&self.path, format!("the network has no `{extra}`")));
        }
        for (name, target) in &targets {
            let Some((shape, _)) = self.tensors.get(name) else {
                return Err(Error::format(&self.path, format!("it lacks `{name}`")));
            };
            if *shape != target.size() {
                let reason = format!("`{name}` is {shape:?}, the network's is {:?}", target.size());
                return Err(Error::format(&self.path, reason));
            }
        }
        let _no_grad = tch::no_grad_guard();
        for (name, mut target) in targets {
            let (shape, values) = &self.tensors[&name];
            let value = to_tensor(values, shape, target.device())?;
            target.f_copy_(&value).during("restoring a variable")?;
        }
        Ok(())
    }

    /// Tensors of their own with these values.
    pub(crate) fn to_tensors(&self, device: tch::Device) -> Result<BTreeMap<String, Tensor>> {
        self.tensors
            .iter()
            .map(|(name, (shape, values))| Ok((name.clone(), to_tensor(values, shape, device)?)))
            .collect()
    }
}

/// Copies of a store's variables, which further training leaves alone.
pub(crate) fn snapshot(store: &nn::VarStore) -> Result<BTreeMap<String, Tensor>> {
    let _no_grad = tch::no_grad_guard();
    let copy = |tensor: Tensor| {
        let mut copy = tensor.f_zeros_like()?;
        copy.f_copy_(&tensor)?;
        Ok(copy)
    };
    sorted(store)
        .into_iter()
        .map(|(name, tensor)| Ok((name, copy(tensor).during("copying a variable")?)))
        .collect()
}

/// Sets a store's variables to a snapshot's values.
pub(crate) fn restore(store: &nn::VarStore, snapshot: &BTreeMap<String, Tensor>) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    for (name, mut target) in sorted(store) {
        if let Some(value) = snapshot.get(&name) {
            target.f_copy_(value).during("restoring a variable")?;
        }
    }
    Ok(())
}
