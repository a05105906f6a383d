"""Makes the encoded fixtures and what libsndfile (ffmpeg for AAC) decodes from them.

    python generate.py            decode the committed fixtures again
    python generate.py --encode   make the fixtures first (needs ffmpeg with libmp3lame and libvorbis)

Fixtures are encoded from one chirp, so encoders of other versions give other bytes: encode only on purpose.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile as sf

HERE = Path(__file__).parent


def chirp(rate, seconds=0.4):
    """Left: a linear chirp 200 Hz to 4 kHz with faded ends; right: the same, falling."""
    t = np.arange(int(rate * seconds)) / rate
    left = 0.6 * np.sin(2 * np.pi * (200 * t + 0.5 * (3800 / seconds) * t**2))
    fade = np.minimum(1, np.minimum(t, t[-1] - t) / 0.01)
    return np.stack([left * fade, (left * fade)[::-1]], 1)


def encode():
    source = HERE / "source.wav"
    sf.write(source, chirp(16_000), 16_000, subtype="PCM_16")

    def ffmpeg(name, *options):
        command = ["ffmpeg", "-v", "error", "-y", "-i", source, "-map_metadata", "-1", "-bitexact", *options]
        subprocess.run([*command, HERE / name], check=True)

    ffmpeg("lame.mp3", "-b:a", "48k")
    ffmpeg("bare.mp3", "-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0")
    ffmpeg("vorbis.ogg", "-c:a", "libvorbis", "-q:a", "2", "-page_duration", "50000")
    ffmpeg("flac.flac", "-c:a", "flac")
    ffmpeg("flac24.flac", "-c:a", "flac", "-sample_fmt", "s32", "-ac", "1", "-t", "0.1")
    ffmpeg("aac.m4a", "-c:a", "aac", "-b:a", "48k")
    ffmpeg("aac.aac", "-c:a", "aac", "-b:a", "48k")
    ffmpeg("opus.ogg", "-c:a", "libopus", "-b:a", "16k", "-t", "0.1")
    ffmpeg("double.wav", "-c:a", "pcm_f64le", "-t", "0.05")
    ffmpeg("mulaw.wav", "-c:a", "pcm_mulaw", "-t", "0.05")
    piped = ["ffmpeg", "-v", "error", "-i", source, "-bitexact", "-t", "0.05", "-f", "wav"]
    for name, codec in [("piped.wav", "pcm_s16le"), ("piped_float.wav", "pcm_f32le")]:
        (HERE / name).write_bytes(subprocess.run([*piped, "-c:a", codec, "-"], check=True, capture_output=True).stdout)
    source.unlink()


def decode():
    facts = {}
    names = ["lame.mp3", "bare.mp3", "vorbis.ogg", "flac.flac", "flac24.flac", "double.wav", "mulaw.wav"]
    names += ["piped.wav", "piped_float.wav"]
    for name in names:
        samples, rate = sf.read(HERE / name, dtype="float32", always_2d=True)
        np.save(HERE / f"{name}.npy", np.ascontiguousarray(samples.T))
        facts[name] = {"rate": rate, "shape": samples.T.shape}
    # libsndfile has no AAC. ffmpeg drops the encoder's delay of 1024 frames from m4a, and keeps it in ADTS.
    for name in ["aac.m4a", "aac.aac"] if shutil.which("ffmpeg") else []:
        command = ["ffmpeg", "-v", "error", "-i", HERE / name, "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        np.save(HERE / f"{name}.npy", np.ascontiguousarray(np.frombuffer(raw, np.float32).reshape(-1, 2).T))
    versions = {"soundfile": sf.__version__, "libsndfile": sf.__libsndfile_version__, "numpy": np.__version__}
    (HERE / "versions.json").write_text(json.dumps({"versions": versions, "decoded": facts}, indent=1) + "\n")


if __name__ == "__main__":
    if "--encode" in sys.argv:
        encode()
    decode()
