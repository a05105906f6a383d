//! Where a network computes, and with how many threads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where a network computes; written `cpu` or `cuda:0` in recipes and on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The processor. Results repeat bit for bit for a fixed number of threads.
    #[default]
    Cpu,
    /// The CUDA device of this index. Sums run in any order there: results agree to about 1e-4.
    Cuda(usize),
}

impl Device {
    /// tch's device, once it is certain that libtorch sees it.
    ///
    /// # Errors
    /// [`Error::NoCuda`] if it does not.
    pub(crate) fn open(self) -> Result<tch::Device> {
        match self {
            Device::Cpu => Ok(tch::Device::Cpu),
            Device::Cuda(index) => {
                let count = cuda_devices();
                if index >= count {
                    return Err(Error::NoCuda { index, count });
                }
                // Benchmark mode picks convolution kernels by their speed of the day: runs would not repeat.
                tch::Cuda::cudnn_set_benchmark(false);
                Ok(tch::Device::Cuda(index))
            }
        }
    }
}

/// How many CUDA devices libtorch sees; none with a libtorch without CUDA.
#[must_use]
pub fn cuda_devices() -> usize {
    if tch::Cuda::is_available() { usize::try_from(tch::Cuda::device_count()).unwrap_or(0) } else { 0 }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.split_once(':') {
            None if name == "cpu" => Some(Device::Cpu),
            None if name == "cuda" => Some(Device::Cuda(0)),
            Some(("cuda", index)) => index.parse().ok().map(Device::Cuda),
            _ => None,
        }
        .ok_or_else(|| Error::UnknownDevice { given: name.to_owned() })
    }
}

impl TryFrom<String> for Device {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

/// Sets how many threads libtorch computes with, in the whole process; call it before the first network is made.
///
/// Results on the CPU repeat bit for bit for a fixed number. libgomp's idle threads spin by default and starve
/// whatever else runs; start the process with `OMP_WAIT_POLICY=PASSIVE` and `GOMP_SPINCOUNT=0` in its environment
/// (libgomp reads them when it is loaded, so a program cannot set them for itself).
///
/// # Errors
/// [`Error::Parameter`] if `threads` is 0.
pub fn set_threads(threads: usize) -> Result<()> {
    match i32::try_from(threads) {
        Ok(count) if count > 0 => {
            tch::set_num_threads(count);
            Ok(())
        }
        _ => Err(Error::parameter("threads", threads, "at least 1")),
    }
}
