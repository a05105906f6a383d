//! Model files: arrays in STEM.safetensors, everything else in STEM.json.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2, Array3};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Alignment, Error, Gmm, Loadings, Result, SpeakerModel};

/// What STEM.json holds.
#[derive(Debug, Deserialize, Serialize)]
struct Sidecar {
    format: u32,
    kappa: f64,
    alignment: Alignment,
    /// How features were made: a model fits no others.
    front_end: Value,
    /// The caller's.
    notes: Value,
}

const FORMAT: u32 = 1;

impl SpeakerModel {
    /// Writes STEM.safetensors and STEM.json, each under a temporary name first. `front_end` says how features were made, and
    /// whoever loads the model must say the same; `notes` come back as they are.
    ///
    /// # Errors
    /// [`Error::ModelFile`] where a file cannot be written.
    pub fn save(&self, stem: &Path, front_end: &Value, notes: &Value) -> Result<()> {
        let bytes = |values: &mut dyn Iterator<Item = &f64>| -> Vec<u8> {
            values.flat_map(|v| v.to_le_bytes()).collect()
        };
        let mut arrays = vec![
            ("ubm.weights", self.ubm().weights().shape().to_vec(), bytes(&mut self.ubm().weights().iter())),
            ("ubm.means", self.ubm().means().shape().to_vec(), bytes(&mut self.ubm().means().iter())),
            (
                "ubm.variances",
                self.ubm().variances().shape().to_vec(),
                bytes(&mut self.ubm().variances().iter()),
            ),
        ];
        for (name, loadings) in
            [("eigenvoices", Some(self.eigenvoices())), ("eigenchannels", self.eigenchannels())]
        {
            if let Some(loadings) = loadings {
                arrays.push((name, loadings.values().shape().to_vec(), bytes(&mut loadings.values().iter())));
            }
        }
        let file = appended(stem, ".safetensors");
        let failed = |problem: String| Error::ModelFile { path: file.clone(), problem };
        let views = arrays
            .iter()
            .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F64, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|error| failed(error.to_string()))?;
        let content = safetensors::serialize(views, None).map_err(|error| failed(error.to_string()))?;
        let sidecar = Sidecar {
            format: FORMAT,
            kappa: self.kappa(),
            alignment: self.alignment(),
            front_end: front_end.clone(),
            notes: notes.clone(),
        };
        let mut text = serde_json::to_string_pretty(&sidecar).map_err(|error| failed(error.to_string()))?;
        text.push('\n');
        write(&file, &content)?;
        write(&appended(stem, ".json"), text.as_bytes())
    }

    /// Reads what [`save`](Self::save) wrote, for features made as `front_end` says. Returns the model and the notes.
    ///
    /// # Errors
    /// [`Error::ModelFile`] for files that are missing, damaged, or of a model of another front end.
    pub fn load(stem: &Path, front_end: &Value) -> Result<(Self, Value)> {
        let (model, trained_on, notes) = Self::load_any(stem)?;
        if trained_on != *front_end {
            let problem = format!(
                "this model was trained on features made by {trained_on}, and is now given others, made by {front_end}; \
                 use its front end, or train a model on yours"
            );
            return Err(Error::ModelFile { path: appended(stem, ".json"), problem });
        }
        Ok((model, notes))
    }

    /// Reads what [`save`](Self::save) wrote. Returns the model, its front end and the notes, for callers that make features as the
    /// model wants them.
    ///
    /// # Errors
    /// [`Error::ModelFile`] for files that are missing or damaged.
    pub fn load_any(stem: &Path) -> Result<(Self, Value, Value)> {
        let file = appended(stem, ".json");
        let text = fs::read(&file).map_err(unreadable(&file))?;
        let arrays = appended(stem, ".safetensors");
        let content = fs::read(&arrays).map_err(unreadable(&arrays))?;
        Self::parse(&text, &content, stem)
    }

    /// A model from the contents of its two files; `stem` is for messages.
    ///
    /// # Errors
    /// [`Error::ModelFile`] for contents that are damaged.
    pub fn parse(json: &[u8], safetensors: &[u8], stem: &Path) -> Result<(Self, Value, Value)> {
        let wrong = |problem: String| Error::ModelFile {
            path: appended(stem, ".json"),
            problem: format!("{problem}; train the model again, or fetch it again"),
        };
        let sidecar: Sidecar = serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        if sidecar.format != FORMAT {
            return Err(wrong(format!("the format is {}, this version reads {FORMAT}", sidecar.format)));
        }
        let path = appended(stem, ".safetensors");
        let failed = |problem: String| Error::ModelFile { path: path.clone(), problem };
        let tensors = SafeTensors::deserialize(safetensors)
            .map_err(|error| failed(format!("{error}; the file is damaged: train the model again")))?;
        let read = |name: &str| read_tensor(&tensors, name, &path);
        let odd = |name: &str| failed(format!("the array `{name}` has an odd shape; train the model again"));
        let matrix = |name: &str| -> Result<Array2<f64>> {
            let (shape, values) = read(name)?;
            let [rows, columns] = shape[..] else { return Err(odd(name)) };
            Array2::from_shape_vec((rows, columns), values).map_err(|_| odd(name))
        };
        let cube = |name: &str| -> Result<Array3<f64>> {
            let (shape, values) = read(name)?;
            let [a, b, c] = shape[..] else { return Err(odd(name)) };
            // More directions than the means have coordinates say nothing, and their products would fill the memory.
            if c > a.saturating_mul(b) {
                return Err(odd(name));
            }
            Array3::from_shape_vec((a, b, c), values).map_err(|_| odd(name))
        };
        let weights = Array1::from(read("ubm.weights")?.1);
        let ubm = Gmm::new(weights, matrix("ubm.means")?, matrix("ubm.variances")?)?;
        let eigenvoices = Loadings::new(&ubm, cube("eigenvoices")?)?;
        let eigenchannels = match tensors.tensor("eigenchannels") {
            Ok(_) => Some(Loadings::new(&ubm, cube("eigenchannels")?)?),
            Err(_) => None,
        };
        let mut model =
            Self::new(ubm, eigenvoices)?.with_alignment(sidecar.alignment).with_kappa(sidecar.kappa)?;
        if let Some(eigenchannels) = eigenchannels {
            model = model.with_eigenchannels(eigenchannels)?;
        }
        Ok((model, sidecar.front_end, sidecar.notes))
    }
}

/// `name.x` + `.json` = `name.x.json`; unlike `with_extension`, keeps every dot of the name.
fn appended(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn read_tensor(tensors: &SafeTensors, name: &str, path: &Path) -> Result<(Vec<usize>, Vec<f64>)> {
    let failed = |problem: String| Error::ModelFile { path: path.to_path_buf(), problem };
    let tensor =
        tensors.tensor(name).map_err(|error| failed(format!("the array `{name}` is missing: {error}")))?;
    if tensor.dtype() != Dtype::F64 {
        return Err(failed(format!("the array `{name}` is {:?}, expected F64", tensor.dtype())));
    }
    let values = tensor
        .data()
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(std::array::from_fn(|i| bytes[i])))
        .collect();
    Ok((tensor.shape().to_vec(), values))
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path: PathBuf = path.into();
    move |error| Error::ModelFile { path, problem: format!("could not be read: {error}") }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Error::ModelFile {
        path: path.into(),
        problem: format!("could not be written: {error}"),
    };
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    fs::write(&temporary, content).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}
