"""Golden vectors for auscult-dereverb: WPE from nara_wpe, impulse responses from pyroomacoustics.

Run by `cargo xtask parity dereverb`. Writes .npy files beside itself and the versions used to versions.txt.
Spectra are stored as [channel, frame, bin, re or im].
"""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyroomacoustics
from nara_wpe.wpe import get_power_online, online_wpe_step, wpe_v8

HERE = Path(__file__).parent


def save(name, values):
    path = HERE / f"{name}.npy"
    path.parent.mkdir(exist_ok=True)
    values = np.ascontiguousarray(values)
    np.save(path, values.view(float).reshape(*values.shape, 2) if np.iscomplexobj(values) else values)


def reverberant(rng, channels, frames, bins):
    """Noise of changing power through a random, decaying filter over 12 frames."""
    power = rng.gamma(0.7, 1.0, (frames, bins)) + 1e-3
    source = np.sqrt(power) * (rng.standard_normal((2, frames, bins)).T @ [1, 1j]).T
    out = np.zeros((channels, frames, bins), complex)
    for m in range(channels):
        for lag in range(12):
            gain = np.exp(-0.25 * lag) * (rng.standard_normal((bins, 2)) @ [1, 1j])
            out[m, lag:] += gain * source[: frames - lag]
    return out + 1e-2 * (rng.standard_normal((2, *out.shape)).T @ [1, 1j]).T


rng = np.random.default_rng(0)

# offline WPE: nara_wpe takes [bin, channel, frame]
spectrum = reverberant(rng, 3, 150, 5)
save("wpe/input", spectrum)
cases = {
    "default": dict(taps=5, delay=2, iterations=3),
    "once": dict(taps=3, delay=1, iterations=1),
    "valid": dict(taps=5, delay=3, iterations=2, statistics_mode="valid"),
    "context": dict(taps=4, delay=2, iterations=3, psd_context=2),
    "all": dict(taps=4, delay=2, iterations=2, psd_context=np.inf),
}
for name, arguments in cases.items():
    save(f"wpe/{name}", wpe_v8(spectrum.transpose(2, 0, 1), **arguments).transpose(1, 2, 0))
save("wpe/mono", wpe_v8(spectrum[:1].transpose(2, 0, 1), taps=6, delay=2, iterations=3).transpose(1, 2, 0))

# recursive WPE: nara_wpe takes [frame, bin, channel]. Its delay counts one less than that of the offline functions.


def online(spectrum, taps, delay, alpha):
    channels, frames, bins = spectrum.shape
    silence = np.zeros((taps + delay - 1, bins, channels))
    padded = np.concatenate([silence, spectrum.transpose(1, 2, 0)])
    inverse = np.stack([np.identity(channels * taps)] * bins)
    filters = np.zeros((bins, channels * taps, channels), complex)
    out = []
    for t in range(frames):
        recent = padded[t : t + taps + delay]
        power = get_power_online(recent.transpose(1, 2, 0))
        clean, inverse, filters = online_wpe_step(recent, power, inverse, filters, alpha, taps, delay - 1)
        out.append(clean)
    return np.stack(out).transpose(2, 0, 1)


save("online/default", online(spectrum, taps=4, delay=2, alpha=0.9999))
save("online/forgetful", online(spectrum, taps=3, delay=1, alpha=0.97))
save("online/mono", online(spectrum[:1], taps=6, delay=3, alpha=0.999))


def impulse_responses(size, reverberation_time, source, microphones, max_order=None):
    """Images by pyroomacoustics, summed in double precision from a fine sinc table.

    Its own `compute_rir` takes delays in single precision and interpolates a table of 20 values a sample. Its images
    are single precision always: with coordinates that are multiples of 1/8 m they are exact nevertheless.
    """
    absorption, order = pyroomacoustics.inverse_sabine(reverberation_time, size)
    room = pyroomacoustics.ShoeBox(
        size, fs=16000, materials=pyroomacoustics.Material(absorption), max_order=order if max_order is None else max_order
    )
    room.add_source(source)
    room.add_microphone_array(pyroomacoustics.MicrophoneArray(np.array(microphones).T, 16000))
    room.image_source_model()
    images, damping = room.sources[0].images.astype(float), room.sources[0].damping[0].astype(float)
    lead, responses = 40, []
    for microphone in microphones:
        distance = np.linalg.norm(images - np.array(microphone)[:, None], axis=0)
        delay = distance / pyroomacoustics.constants.get("c") + lead / 16000
        response = np.zeros(int(delay.max() * 16000) + lead + 3)
        pyroomacoustics.libroom.rir_builder(response, delay, damping / distance, 16000, 2 * lead + 1, 1 << 14, 1)
        responses.append(response)
    # the reverberation has died away after 6000 samples
    return np.stack([np.pad(response, (0, 6000))[:6000] for response in responses])


array = [[3.5, 3.0, 1.25], [3.625, 3.0, 1.25], [3.5, 3.125, 1.5]]
save("room/reverberant", impulse_responses([7.0, 6.0, 3.0], 0.4, [5.0, 1.5, 1.625], array))
save("room/small", impulse_responses([2.5, 3.25, 2.125], 0.15, [0.125, 3.0, 1.5], [[2.0, 1.0, 0.5]], max_order=3))

packages = {name: version(name) for name in ("numpy", "nara_wpe", "pyroomacoustics")}
(HERE / "versions.txt").write_text(
    "".join(f"{name} {number}\n" for name, number in {"python": platform.python_version(), **packages}.items())
)
