"""Golden vectors from librosa and kaldi_native_fbank for tests/it/parity.rs.

Run: python generate.py   (versions are recorded in versions.txt; run by `cargo xtask parity stft-mel`)
Layout: librosa's [feature, frame] is stored as [frame, feature]; complex arrays get a last axis (re, im).
"""
import importlib.metadata
import warnings
from pathlib import Path

import kaldi_native_fbank as knf
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

# Deltas -------------------------------------------------------------------------------------------------
mfcc = librosa.feature.mfcc(y=x, sr=22050, hop_length=160, n_mfcc=6)
save("delta_input", mfcc.T)
for width, order in ((9, 1), (9, 2), (5, 1), (7, 3)):
    save(f"delta_{width}_{order}", librosa.feature.delta(mfcc, width=width, order=order).T)

# HPSS ---------------------------------------------------------------------------------------------------
X = librosa.stft(x, n_fft=256, hop_length=128)
save("hpss_input", np.abs(X).T)
HPSS = {
    "default": {},
    "kernel": dict(kernel_size=(17, 12)),
    "margin": dict(margin=(1.5, 3.0), power=1.0),
    "binary": dict(power=np.inf),
}
for name, params in HPSS.items():
    harmonic, percussive = librosa.decompose.hpss(np.abs(X), mask=True, **params)
    save(f"hpss_{name}_harmonic", harmonic.T)
    save(f"hpss_{name}_percussive", percussive.T)


def diffusion_mask(power, alpha=0.3, iterations=50):
    """Ono et al. 2008, on [bin, frame]; the edges go on unchanged."""
    H = P = power / 2
    for _ in range(iterations):
        Ht, Pf = np.pad(H, ((0, 0), (1, 1)), "edge"), np.pad(P, ((1, 1), (0, 0)), "edge")
        delta = alpha * (Ht[:, :-2] - 2 * H + Ht[:, 2:]) / 4 - (1 - alpha) * (Pf[:-2] - 2 * P + Pf[2:]) / 4
        H = np.minimum(np.maximum(H + delta, 0), power)
        P = power - H
    return H >= P


save("diffusion_mask", diffusion_mask(np.abs(X.astype(complex)) ** 2).T)

# PCEN ---------------------------------------------------------------------------------------------------
save("pcen", librosa.pcen(S * 2.0**31, sr=22050, hop_length=315).T.astype(np.float32))
save("pcen_log", librosa.pcen(S * 2.0**31, sr=22050, hop_length=315, power=0, gain=0.8, time_constant=0.06).T.astype(np.float32))

# Kaldi (samples in the 16-bit range, no dither) -----------------------------------------------------------


def kaldi(Options, Online, rate, **changes):
    options = Options()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 23
    for key, value in changes.items():
        group, _, leaf = key.rpartition("__")
        setattr(getattr(options, group) if group else options, leaf, value)
    online = Online(options)
    online.accept_waveform(rate, (x * 32768).tolist())
    online.input_finished()
    return np.stack([online.get_frame(t) for t in range(online.num_frames_ready)])


for rate in (8000, 16000):
    save(f"kaldi_fbank_{rate}", kaldi(knf.FbankOptions, knf.OnlineFbank, rate))
    save(f"kaldi_mfcc_{rate}", kaldi(knf.MfccOptions, knf.OnlineMfcc, rate, use_energy=True))
save("kaldi_fbank_no_snip", kaldi(knf.FbankOptions, knf.OnlineFbank, 16000, frame_opts__snip_edges=False))
save(
    "kaldi_fbank_80_hamming",
    kaldi(knf.FbankOptions, knf.OnlineFbank, 16000, mel_opts__num_bins=80, mel_opts__high_freq=7600.0, frame_opts__window_type="hamming"),
)
save("kaldi_mfcc_c0", kaldi(knf.MfccOptions, knf.OnlineMfcc, 16000, use_energy=False))


# HTK, from the formulas of the HTK book (version 3.4, chapter 5) ------------------------------------------
def htk_log_mel_and_energy(rate, n_mels=23):
    length, shift = rate * 25 // 1000, rate // 100
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64) * 32768, length)[::shift]
    frames = frames - frames.mean(axis=1, keepdims=True)  # ZMEANSOURCE
    energy = np.log(np.maximum((frames**2).sum(axis=1), np.finfo(np.float32).eps))  # RAWENERGY
    emphasised = frames.copy()
    emphasised[:, 1:] -= 0.97 * frames[:, :-1]
    emphasised[:, 0] *= 1 - 0.97
    n = np.arange(length)
    windowed = emphasised * (0.54 - 0.46 * np.cos(2 * np.pi * n / (length - 1)))
    n_fft = 1 << (length - 1).bit_length()
    magnitude = np.abs(np.fft.rfft(windowed, n_fft))

    def to_mel(f):
        return 2595 * np.log10(1 + f / 700)

    bins = to_mel(np.arange(n_fft // 2 + 1) * rate / n_fft)
    corners = np.linspace(0, to_mel(rate / 2), n_mels + 2)
    rising = (bins[None, :] - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    falling = (corners[2:, None] - bins[None, :]) / (corners[2:] - corners[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    return np.log(np.maximum(magnitude @ filters.T, 1.0)), energy


def htk_cepstra(log_mel, first, last, lifter=22):
    n_mels = log_mel.shape[1]
    i = np.arange(first, last + 1)[:, None]
    j = np.arange(1, n_mels + 1)[None, :]
    dct = np.sqrt(2 / n_mels) * np.cos(np.pi * i / n_mels * (j - 0.5))
    return log_mel @ dct.T * (1 + lifter / 2 * np.sin(np.pi * i[:, 0] / lifter))


for rate in (8000, 16000):
    log_mel, energy = htk_log_mel_and_energy(rate)
    cepstra = htk_cepstra(log_mel, 1, 12)
    floored = np.maximum(energy, energy.max() - 50 * np.log(10) / 10)  # SILFLOOR
    normalised = 1 - 0.1 * (energy.max() - floored)  # ENORMALISE, ESCALE
    save(f"htk_fbank_{rate}", log_mel)
    save(f"htk_mfcc_e_{rate}", np.column_stack([cepstra, normalised]))
save("htk_mfcc_e_raw", np.column_stack([cepstra, energy]))
save("htk_mfcc_0", np.column_stack([cepstra, htk_cepstra(log_mel, 0, 0)]))
save("htk_mfcc", cepstra)

packages = ("librosa", "numpy", "scipy", "kaldi_native_fbank")
(HERE / "versions.txt").write_text("".join(f"{p}=={importlib.metadata.version(p)}\n" for p in packages))
