//! Everything but plain WAV, through symphonia.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::Timestamp;
use symphonia::default::{get_codecs, get_probe};

use super::{Decode, Warning};
use crate::error::{Error, Result};

/// A packet that does not decode is replaced by at most this much silence.
const MAX_SILENCE: u64 = 1 << 16;

pub(super) struct Compressed {
    path: PathBuf,
    demuxer: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    sample_rate: u32,
    channels: usize,
    /// Frames the header promises, where that is exact.
    frames: Option<u64>,
    /// No more frames than this are handed out: the rest is the encoder's padding.
    limit: Option<u64>,
    /// Frames of encoder delay still to be dropped: mp3, where the header tells exactly.
    delay: u64,
    /// Frames handed out so far.
    position: u64,
    /// The packet decoded last, by channel.
    packet: Vec<Vec<f32>>,
    /// `packet` waits to be handed out: the first one, which alone tells rate and channels for sure.
    waiting: bool,
    can_seek: bool,
    /// Seen beforehand to lack its end.
    cut_off: bool,
    strict: bool,
    ended: bool,
}

impl Compressed {
    pub(super) fn open(
        path: &Path,
        mut file: File,
        track: Option<usize>,
        strict: bool,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self> {
        let io = |e| Error::io(path, "read", e);
        let bytes = file.metadata().map_err(io)?.len();
        let cut_off = ogg_breaks_off(&mut file, bytes).map_err(io)?;
        file.rewind().map_err(io)?;
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let demuxer = get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|e| refused(path, e))?;

        let audio =
            |track: &&Track| track.codec_params.as_ref().is_some_and(|params| params.audio().is_some());
        let chosen = match track {
            Some(index) => demuxer.tracks().iter().filter(audio).nth(index),
            None => demuxer.default_track(TrackType::Audio).or_else(|| demuxer.first_track(TrackType::Audio)),
        };
        let Some((track, parameters)) =
            chosen.and_then(|track| Some((track, track.codec_params.as_ref()?.audio()?)))
        else {
            let found = match (track, demuxer.tracks().iter().filter(audio).count()) {
                (Some(index), count) if count > 0 => {
                    format!("track {index} was asked for, but there are {count}, counted from 0")
                }
                _ => "there is no audio track in it".into(),
            };
            return Err(Error::NotAudio { path: path.to_owned(), found });
        };

        let container = demuxer.format_info().short_name;
        // symphonia trims mp3 at the frame count even where that is an estimate, so mp3 is trimmed here instead,
        // and only if the encoder left its delay in the header.
        let is_mp3 = parameters.codec == codec::CODEC_ID_MP3;
        let delay = if is_mp3 { track.delay } else { None };
        // Ogg's count is the last time stamp. Real files do not always start at 0, so it bounds the frames, as in
        // libsndfile, but promises none, and symphonia's own trimming at the start is left out.
        let limit = track.num_frames.filter(|_| container == "ogg");
        let frames = track.num_frames.filter(|frames| match container {
            "flac" => true,
            "mp3" => delay.is_some(),
            "wave" => (1..=bytes).contains(frames),
            _ => false,
        });
        // The first Vorbis packet only fills the overlap of the second.
        let starts_with_overlap = parameters.codec == codec::CODEC_ID_VORBIS && container == "ogg";
        let decoder = get_codecs()
            .make_audio_decoder(
                parameters,
                &AudioDecoderOptions::default().gapless(!is_mp3 && container != "ogg"),
            )
            .map_err(|e| no_decoder(path, parameters.codec, e))?;

        let mut opened = Self {
            path: path.to_owned(),
            track: track.id,
            sample_rate: parameters.sample_rate.unwrap_or(0),
            channels: parameters.channels.as_ref().map_or(0, |channels| channels.count()),
            frames,
            limit: frames.or(limit),
            delay: u64::from(delay.unwrap_or(0)),
            position: 0,
            packet: Vec::new(),
            waiting: false,
            can_seek: matches!(container, "flac" | "wave"),
            cut_off,
            strict,
            ended: false,
            demuxer,
            decoder,
        };
        opened.waiting = opened.next_packet(warnings)?;
        if starts_with_overlap {
            opened.delay = opened.packet.first().map_or(0, Vec::len) as u64;
        }
        Ok(opened)
    }

    /// Decodes the next packet with frames in it into `self.packet`. False at the end.
    fn next_packet(&mut self, warnings: &mut Vec<Warning>) -> Result<bool> {
        while !self.ended {
            let packet = match self.demuxer.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(e) => {
                    self.broken_off(e)?;
                    break;
                }
            };
            if packet.track_id != self.track {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(buffer) if buffer.is_empty() => continue,
                Ok(buffer) => {
                    let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    if self.packet.is_empty() {
                        (self.sample_rate, self.channels) = (rate, channels);
                    } else if (rate, channels) != (self.sample_rate, self.channels) {
                        return Err(self.changes_midway());
                    }
                    buffer.copy_to_vecs_planar(&mut self.packet);
                }
                Err(SymphoniaError::ResetRequired) => return Err(self.changes_midway()),
                Err(e) if self.strict => return Err(self.corrupt(e)),
                Err(_) => {
                    let silence = packet.dur.get().min(MAX_SILENCE);
                    self.packet.resize(self.channels, Vec::new());
                    for plane in &mut self.packet {
                        plane.clear();
                        plane.resize(silence as usize, 0.0);
                    }
                    note_corrupt(warnings, silence);
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The demuxer cannot go on.
    fn broken_off(&mut self, error: SymphoniaError) -> Result<()> {
        self.ended = true;
        match error {
            SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
                // Where the length is known, what is missing will show; a WAV of unknown length ends this way.
                self.cut_off |= self.frames.is_none() && self.demuxer.format_info().short_name != "wave";
                Ok(())
            }
            SymphoniaError::IoError(e) => Err(Error::io(&self.path, "read", e)),
            SymphoniaError::ResetRequired => Err(self.changes_midway()),
            e if self.strict => Err(self.corrupt(e)),
            _ => {
                self.cut_off = true;
                Ok(())
            }
        }
    }

    fn corrupt(&self, error: SymphoniaError) -> Error {
        Error::Corrupt { path: self.path.clone(), frame: self.position, reason: error.to_string() }
    }

    fn changes_midway(&self) -> Error {
        Error::Unsupported {
            path: self.path.clone(),
            format: "a change of rate, channels or stream in mid-file".into(),
            remedy: "convert it, for example `ffmpeg -i IN OUT.wav`".into(),
        }
    }
}

impl Decode for Compressed {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// Only where a packet decodes the same whatever was decoded before it.
    fn seek(&mut self, frame: u64) -> Result<u64> {
        if self.can_seek && frame > 0 {
            let ts = Timestamp::new(i64::try_from(frame).unwrap_or(i64::MAX));
            let to = SeekTo::Timestamp { ts, track_id: self.track };
            let seeked = self.demuxer.seek(SeekMode::Accurate, to).map_err(|e| self.corrupt(e))?;
            self.decoder.reset();
            (self.waiting, self.ended) = (false, false);
            self.position = u64::try_from(seeked.actual_ts.get()).unwrap_or(0);
        }
        Ok(self.position)
    }

    fn decode(&mut self, planes: &mut [Vec<f32>], warnings: &mut Vec<Warning>) -> Result<bool> {
        if !std::mem::take(&mut self.waiting) && !self.next_packet(warnings)? {
            let short = self.frames.is_some_and(|frames| self.position < frames);
            if !short && !self.cut_off {
                return Ok(false);
            }
            let (expected, got) = (self.frames.filter(|_| short), self.position);
            if self.strict {
                return Err(Error::Truncated { path: self.path.clone(), expected, got });
            }
            (self.cut_off, self.frames) = (false, Some(got));
            warnings.push(Warning::Truncated { expected, got });
            return Ok(false);
        }
        let decoded = self.packet.first().map_or(0, Vec::len) as u64;
        let start = self.delay.min(decoded);
        self.delay -= start;
        let left = self.limit.map_or(u64::MAX, |frames| frames.saturating_sub(self.position));
        let end = decoded.min(start.saturating_add(left));
        for (plane, packet) in planes.iter_mut().zip(&self.packet) {
            plane.extend_from_slice(&packet[start as usize..end as usize]);
        }
        self.position += end - start;
        Ok(true)
    }
}

fn note_corrupt(warnings: &mut Vec<Warning>, silence: u64) {
    for warning in warnings.iter_mut() {
        if let Warning::Corrupt { frames } = warning {
            *frames += silence;
            return;
        }
    }
    warnings.push(Warning::Corrupt { frames: silence });
}

/// symphonia takes the last page it finds for the end of an Ogg stream; this tells whether it is.
fn ogg_breaks_off(file: &mut File, bytes: u64) -> std::io::Result<bool> {
    /// The largest page: 27 bytes, 255 segment lengths, 255 segments of 255 bytes.
    const MAX_PAGE: u64 = 27 + 255 + 255 * 255;
    const END_OF_STREAM: u8 = 4;
    let mut magic = [0; 4];
    if bytes < 4 {
        return Ok(false);
    }
    file.rewind()?;
    file.read_exact(&mut magic)?;
    if &magic != b"OggS" {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(bytes.saturating_sub(2 * MAX_PAGE)))?;
    let mut tail = Vec::new();
    file.take(2 * MAX_PAGE).read_to_end(&mut tail)?;
    let Some(page) = tail.windows(4).rposition(|window| window == b"OggS") else {
        return Ok(true);
    };
    let page = &tail[page..];
    let whole = page.get(26).is_some_and(|&segments| {
        let head = 27 + usize::from(segments);
        let body = page.get(27..head).map(|lengths| lengths.iter().map(|&n| usize::from(n)).sum::<usize>());
        body.is_some_and(|body| page.len() >= head + body)
    });
    Ok(!whole || page[5] & END_OF_STREAM == 0)
}

/// Why no demuxer took the file.
fn refused(path: &Path, error: SymphoniaError) -> Error {
    let path = path.to_owned();
    match error {
        SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            Error::Malformed { path, reason: "the file ends inside its header".into() }
        }
        SymphoniaError::IoError(e) => Error::io(&path, "read", e),
        SymphoniaError::DecodeError(reason) => Error::Malformed { path, reason: reason.into() },
        SymphoniaError::Unsupported(reason) if !reason.starts_with("core (probe)") => {
            let remedy = "convert it, for example `ffmpeg -i IN OUT.wav`".into();
            Error::Unsupported { path, format: format!("this variant ({reason})"), remedy }
        }
        e => {
            let found =
                format!("no format known here (wav, mp3, flac, ogg, m4a, aac) fits its content ({e})");
            Error::NotAudio { path, found }
        }
    }
}

/// Why no decoder took the track.
fn no_decoder(path: &Path, id: AudioCodecId, error: SymphoniaError) -> Error {
    let path = path.to_owned();
    if let SymphoniaError::DecodeError(reason) = error {
        return Error::Malformed { path, reason: reason.into() };
    }
    let format = match id {
        codec::CODEC_ID_OPUS => "Opus".into(),
        codec::CODEC_ID_ALAC => "Apple Lossless (ALAC)".into(),
        codec::CODEC_ID_AC3 | codec::CODEC_ID_EAC3 => "Dolby Digital (AC-3)".into(),
        codec::CODEC_ID_MP1 | codec::CODEC_ID_MP2 => "MPEG audio layer I or II".into(),
        codec::CODEC_ID_SPEEX => "Speex".into(),
        codec::CODEC_ID_ADPCM_MS | codec::CODEC_ID_ADPCM_IMA_WAV => "ADPCM".into(),
        _ => format!("this codec ({error})"),
    };
    Error::Unsupported { path, format, remedy: "convert it, for example `ffmpeg -i IN OUT.flac`".into() }
}
