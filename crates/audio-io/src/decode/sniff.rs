//! What a file is, from its first bytes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Error, Result};

/// Which decoder to try.
pub(super) enum Format {
    Wav,
    /// Anything left to the demuxers: mp3, flac, ogg, mp4, aac, or nothing they know.
    Compressed,
}

/// Magic bytes at an offset of what is recognised only to be refused with a remedy.
const UNSUPPORTED: &[(usize, &[u8], &str)] = &[
    (0, b"RF64", "RF64, the WAV variant beyond 4 GiB,"),
    (0, b"BW64", "BW64, the WAV variant beyond 4 GiB,"),
    (0, b"riff\x2e\x91\xcf\x11", "Wave64"),
    (28, b"OpusHead", "Opus"),
    (28, b"Speex   ", "Speex"),
    (0, b"FORM", "AIFF"),
    (0, b"caff", "CAF"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMA/ASF)"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska/WebM"),
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "Sun AU"),
    (0, b"NIST_1A", "NIST SPHERE"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
];

const NOT_AUDIO: &[(usize, &[u8], &str)] = &[
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (0, b"\x1f\x8b", "gzip data; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"Rar!", "a rar archive; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data; unpack it first"),
    (0, b"%PDF", "a PDF document; check the path"),
    (0, b"\x89PNG", "a PNG picture; check the path"),
    (0, b"\xff\xd8\xff", "a JPEG picture; check the path"),
    (0, b"\x93NUMPY", "a NumPy array; check the path"),
    (0, b"MThd", "a MIDI file: notes, not sound; render it to WAV first"),
];

/// Reads the first bytes and rewinds.
pub(super) fn sniff(path: &Path, mut file: &File) -> Result<Format> {
    let mut head = Vec::with_capacity(512);
    file.take(512).read_to_end(&mut head).map_err(|e| Error::io(path, "read", e))?;
    file.seek(SeekFrom::Start(0)).map_err(|e| Error::io(path, "read", e))?;
    let has = |&&(offset, magic, _): &&(usize, &[u8], &str)| {
        head.get(offset..offset + magic.len()).is_some_and(|bytes| bytes == magic)
    };

    if let Some((_, _, format)) = UNSUPPORTED.iter().find(has) {
        let remedy = "convert it, for example `ffmpeg -i IN OUT.flac`".into();
        return Err(Error::Unsupported { path: path.to_owned(), format: format.to_string(), remedy });
    }
    if let Some((_, _, what)) = NOT_AUDIO.iter().find(has) {
        return Err(Error::NotAudio { path: path.to_owned(), found: format!("the content is {what}") });
    }
    if head.starts_with(b"RIFF") && head.get(8..12).is_some_and(|form| form == b"WAVE") {
        return Ok(Format::Wav);
    }
    if let Some(found) = describe_text(&head) {
        return Err(Error::NotAudio { path: path.to_owned(), found });
    }
    Ok(Format::Compressed)
}

/// Text saved under an audio name: a failed download, a pointer, a list.
fn describe_text(head: &[u8]) -> Option<String> {
    // Cut inside a multi-byte character, the last one does not count against the text.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&head[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.is_empty()
        || text.chars().any(|c| c.is_control() && !c.is_whitespace())
        || text.starts_with("ID3")
    {
        return None;
    }
    if text.starts_with("version https://git-lfs") {
        return Some("the content is a Git LFS pointer; run `git lfs pull` to fetch the file itself".into());
    }
    let start: String =
        text.trim_start().chars().take(24).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(format!("the content is text starting with {start:?}; if it was a download, fetch it again"))
}
