//! The fast path: hound reads the header, the samples are converted in bulk.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader};

use super::{Decode, Warning};
use crate::error::{Error, Result};

/// Data lengths written by programs that stream to a pipe and cannot come back to fill in the true one.
/// hound itself refuses 0xFFFF_FFFF.
const UNKNOWN_LENGTHS: [u32; 3] = [0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000];

/// Bytes converted at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// How a sample lies in the file, little-endian.
#[derive(Clone, Copy)]
enum Encoding {
    U8,
    I16,
    I24,
    I32,
    F32,
}

/// What hound says about the file, and where the samples start.
pub(super) struct Header {
    encoding: Encoding,
    frame_bytes: usize,
    sample_rate: u32,
    channels: usize,
    data_start: u64,
    data_bytes: u32,
}

/// `None` if hound does not read this kind of WAV: another decoder may.
pub(super) fn header(file: &File) -> Option<Header> {
    let header = WavReader::new(BufReader::new(file)).ok()?;
    let (spec, samples) = (header.spec(), header.len());
    // hound stops right behind the data chunk's length in bytes, which it reports in samples only.
    let mut reader = header.into_inner();
    let data_start = reader.stream_position().ok()?;
    reader.seek(SeekFrom::Start(data_start - 4)).ok()?;
    let mut length = [0; 4];
    reader.read_exact(&mut length).ok()?;
    let data_bytes = u32::from_le_bytes(length);

    let (encoding, sample_bytes) = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Int, 8) => (Encoding::U8, 1),
        (SampleFormat::Int, 16) => (Encoding::I16, 2),
        (SampleFormat::Int, 24) => (Encoding::I24, 3),
        (SampleFormat::Int, 32) => (Encoding::I32, 4),
        (SampleFormat::Float, 32) => (Encoding::F32, 4),
        _ => return None,
    };
    // A sample in a container wider than its bits, such as 24 in 32, is left to the other decoder.
    if u64::from(samples) * sample_bytes as u64 != u64::from(data_bytes) {
        return None;
    }
    let channels = usize::from(spec.channels);
    Some(Header {
        encoding,
        frame_bytes: sample_bytes * channels,
        sample_rate: spec.sample_rate,
        channels,
        data_start,
        data_bytes,
    })
}

/// Whether the channels of a header of the extensible kind fit its mask of speakers. The other decoder adds what is missing to the
/// mask, and must not be asked to add more than there is room for.
#[cfg(feature = "symphonia")]
pub(super) fn channels_fit_mask(mut file: &File) -> std::io::Result<bool> {
    const EXTENSIBLE: u16 = 0xFFFE;
    let mut position = 12;
    loop {
        file.seek(SeekFrom::Start(position))?;
        let mut chunk = [0; 8 + 24];
        let mut read = 0;
        while let more @ 1.. = file.read(&mut chunk[read..])? {
            read += more;
        }
        if read < 8 {
            return Ok(true);
        }
        let number = |at: usize| u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
        let length = u64::from(number(4));
        if &chunk[..4] == b"fmt " {
            let (format, channels) = (number(8) as u16, number(8) >> 16);
            let mask = number(28);
            let missing = channels.saturating_sub(mask.count_ones());
            return Ok(format != EXTENSIBLE || missing <= mask.leading_zeros().min(31));
        }
        position += 8 + length + length % 2;
    }
}

pub(super) struct Wav {
    path: PathBuf,
    file: File,
    header: Header,
    frames: u64,
    position: u64,
    bytes: Vec<u8>,
}

impl Wav {
    /// Holds the header against the size of the file.
    pub(super) fn open(
        path: &Path,
        mut file: File,
        header: Header,
        strict: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let io = |e| Error::io(path, "read", e);
        let available = file.metadata().map_err(io)?.len().saturating_sub(header.data_start);
        let available = available / header.frame_bytes as u64;
        let declared = u64::from(header.data_bytes) / header.frame_bytes as u64;
        let endless = UNKNOWN_LENGTHS.contains(&header.data_bytes);
        if available < declared && !endless {
            if strict {
                return Err(Error::Truncated {
                    path: path.to_owned(),
                    expected: Some(declared),
                    got: available,
                });
            }
            warnings.push(Warning::Truncated { expected: Some(declared), got: available });
        }
        file.seek(SeekFrom::Start(header.data_start)).map_err(io)?;
        let frames = declared.min(available);
        Ok(Self { path: path.to_owned(), file, header, frames, position: 0, bytes: Vec::new() })
    }
}

impl Decode for Wav {
    fn sample_rate(&self) -> u32 {
        self.header.sample_rate
    }

    fn channels(&self) -> usize {
        self.header.channels
    }

    fn frames(&self) -> Option<u64> {
        Some(self.frames)
    }

    fn seek(&mut self, frame: u64) -> Result<u64> {
        self.position = frame.min(self.frames);
        let offset = self.header.data_start + self.position * self.header.frame_bytes as u64;
        self.file.seek(SeekFrom::Start(offset)).map_err(|e| Error::io(&self.path, "read", e))?;
        Ok(self.position)
    }

    fn decode(&mut self, planes: &mut [Vec<f32>], _warnings: &mut Vec<Warning>) -> Result<bool> {
        let frame_bytes = self.header.frame_bytes;
        let chunk = (CHUNK_BYTES / frame_bytes).max(1) as u64;
        let frames = chunk.min(self.frames - self.position);
        self.bytes.resize(frames as usize * frame_bytes, 0);
        self.file.read_exact(&mut self.bytes).map_err(|e| Error::io(&self.path, "read", e))?;
        self.position += frames;
        // Integers scale by their most negative value, as in libsndfile: 16-bit samples by 1 / 32768.
        match self.header.encoding {
            Encoding::U8 => deinterleave(&self.bytes, planes, |[x]: [u8; 1]| (f32::from(x) - 128.0) / 128.0),
            Encoding::I16 => {
                deinterleave(&self.bytes, planes, |x| f32::from(i16::from_le_bytes(x)) / 32_768.0)
            }
            Encoding::I24 => deinterleave(&self.bytes, planes, |[a, b, c]: [u8; 3]| {
                (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0
            }),
            Encoding::I32 => {
                deinterleave(&self.bytes, planes, |x| i32::from_le_bytes(x) as f32 / 2_147_483_648.0);
            }
            Encoding::F32 => deinterleave(&self.bytes, planes, f32::from_le_bytes),
        }
        Ok(frames > 0)
    }
}

/// Appends interleaved samples of `BYTES` bytes to the planes, converted by `sample`.
fn deinterleave<const BYTES: usize>(
    bytes: &[u8],
    planes: &mut [Vec<f32>],
    sample: impl Fn([u8; BYTES]) -> f32 + Copy,
) {
    let (samples, _) = bytes.as_chunks::<BYTES>();
    match planes {
        [mono] => mono.extend(samples.iter().map(|&x| sample(x))),
        // Written out because it is common and, with a fixed stride, twice as fast.
        [left, right] => {
            let (pairs, _) = samples.as_chunks::<2>();
            left.extend(pairs.iter().map(|&[x, _]| sample(x)));
            right.extend(pairs.iter().map(|&[_, x]| sample(x)));
        }
        planes => {
            let channels = planes.len();
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend(samples.chunks_exact(channels).map(|frame| sample(frame[channel])));
            }
        }
    }
}
