"""Golden vectors from librosa and kaldi_native_fbank for tests/it/parity.rs.

Run: python generate.py   (versions are recorded in versions.txt; run by `cargo xtask parity stft-mel`)
Layout: librosa's [feature, frame] is stored as [frame, feature]; complex arrays get a last axis (re, im).
"""
import importlib.metadata
import warnings
from pathlib import Path

import librosa
import numpy as np
import scipy.signal

HERE = Path(__file__).parent
RATES = (8000, 16000, 22050, 44100)


def save(name, array):
    array = np.asarray(array)
    if np.iscomplexobj(array):
        array = np.stack([array.real, array.imag], axis=-1)
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(array))


def test_signal(n=6000, rate=22050):
    """A chirp, a few clicks, noise that fades to digital silence and comes back."""
    rng = np.random.default_rng(7)
    t = np.arange(n) / rate
    x = 0.4 * np.sin(2 * np.pi * (200 * t + 9000 * t**2)) + 0.1 * rng.standard_normal(n)
    x[::1111] += 0.5
    x[3500:4800] = 0
    return x.astype(np.float32)


x = test_signal()
save("signal", x)

# Windows ------------------------------------------------------------------------------------------------
for name, scipy_name in [("hann", "hann"), ("hamming", "hamming"), ("blackman", "blackman")]:
    for periodic in (True, False):
        save(f"window_{name}_{'periodic' if periodic else 'symmetric'}", scipy.signal.get_window(scipy_name, 25, periodic))

# STFT ---------------------------------------------------------------------------------------------------
STFT = {
    "default": dict(n_fft=512, hop_length=160),
    "reflect": dict(n_fft=512, hop_length=315, pad_mode="reflect"),
    "edge_hamming": dict(n_fft=256, hop_length=100, win_length=201, window="hamming", pad_mode="edge"),
    "causal_hamming": dict(n_fft=256, hop_length=128, window="hamming", center=False),
    "odd_blackman": dict(n_fft=255, hop_length=90, window="blackman"),
}
y = x[:3000]
for name, params in STFT.items():
    X = librosa.stft(y, **params)
    save(f"stft_{name}", X.T)
    inverse = {k: v for k, v in params.items() if k != "pad_mode"}
    save(f"istft_{name}", librosa.istft(X * 0.5, **inverse))
save("stft_f64", librosa.stft(y.astype(np.float64), n_fft=256, hop_length=128).T)
save("istft_length", librosa.istft(librosa.stft(y, n_fft=512, hop_length=160) * 0.5, hop_length=160, length=2900))

# Mel ----------------------------------------------------------------------------------------------------
for rate in RATES:
    for htk in (False, True):
        for norm, label in (("slaney", "slaney"), (None, "none"), (1, "sum")):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                S = librosa.feature.melspectrogram(
                    y=x, sr=rate, n_fft=1024, hop_length=315, n_mels=40, fmin=27.5, fmax=rate * 0.4, htk=htk, norm=norm
                )
            save(f"mel_{rate}_{'htk' if htk else 'slaney'}_{label}", S.T)
mel = librosa.feature.melspectrogram(y=x, sr=22050, n_fft=1024, hop_length=315, n_mels=80, power=1.0)
save("mel_magnitude", mel.T)

# Log scales ---------------------------------------------------------------------------------------------
S = librosa.feature.melspectrogram(y=x, sr=22050, n_fft=1024, hop_length=315, n_mels=40)
save("db_power", librosa.power_to_db(S).T)
save("db_power_max", librosa.power_to_db(S, ref=np.max).T)
save("db_power_open", librosa.power_to_db(S, ref=0.5, amin=1e-7, top_db=None).T)
save("db_amplitude", librosa.amplitude_to_db(np.sqrt(S)).T)

# MFCC ---------------------------------------------------------------------------------------------------
for rate in RATES:
    save(f"mfcc_{rate}", librosa.feature.mfcc(y=x, sr=rate).T)

packages = ("librosa", "numpy", "scipy", "kaldi_native_fbank")
(HERE / "versions.txt").write_text("".join(f"{p}=={importlib.metadata.version(p)}\n" for p in packages))
