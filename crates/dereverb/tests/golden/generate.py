"""Golden vectors for auscult-dereverb: WPE from nara_wpe, impulse responses from pyroomacoustics.

Run by `cargo xtask parity dereverb`. Writes .npy files beside itself and the versions used to versions.txt.
Spectra are stored as [channel, frame, bin].
"""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyroomacoustics as pra
from nara_wpe.wpe import get_power_online, online_wpe_step, wpe_v8

HERE = Path(__file__).parent


def save(name, values):
    path = HERE / f"{name}.npy"
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.ascontiguousarray(values))


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

# online WPE: online_wpe_step takes a buffer [frame, bin, channel] of taps + delay + 1 frames
for name, taps, delay, alpha in [("online", 3, 2, 0.99), ("online_slow", 4, 1, 0.9999)]:
    channels, frames, bins = spectrum.shape
    padded = np.concatenate([np.zeros((taps + delay, bins, channels)), spectrum.transpose(1, 2, 0)])
    inverse = np.stack([np.identity(channels * taps)] * bins)
    taken = np.zeros((bins, channels * taps, channels), complex)
    out = []
    for t in range(frames):
        buffer = padded[t : t + taps + delay + 1]
        power = get_power_online(buffer.transpose(1, 2, 0))
        frame, inverse, taken = online_wpe_step(buffer, power, inverse, taken, alpha=alpha, taps=taps, delay=delay)
        out.append(frame)
    save(f"wpe/{name}", np.stack(out).transpose(2, 0, 1))

# Rooms. All coordinates are multiples of 1/8 m and the walls reflect 3/4 of the pressure, so that the single
# precision in which pyroomacoustics keeps image positions and attenuations is exact; its impulse responses are then
# built in double precision, with a table of the sinc function fine enough not to show.
pra.constants.set("rir_hpf_enable", False)
SIZE, SOURCE, RATE, C = [5.5, 4.25, 3.0], [1.5, 2.125, 1.25], 16000, 343.0
MICS = np.array([[3.5, 3.0, 1.5], [3.625, 3.0, 1.5], [4.0, 1.0, 2.0]]).T


def pra_room(order, absorption):
    room = pra.ShoeBox(SIZE, fs=RATE, materials=pra.Material(absorption), max_order=order)
    room.add_source(SOURCE)
    room.add_microphone_array(pra.MicrophoneArray(MICS, RATE))
    room.set_sound_speed(C)
    room.image_source_model()
    return room


def impulse_responses(order, absorption):
    room = pra_room(order, absorption)
    images, damping = room.sources[0].images.astype(float), room.sources[0].damping[0].astype(float)
    responses = []
    for mic in MICS.T:
        distance = np.linalg.norm(images - mic[:, None], axis=0)
        delay = distance / C + 40 / RATE
        response = np.zeros(int(np.ceil(delay.max() * RATE + 40 + 1)) + 1)
        pra.libroom.rir_builder(response, delay, damping / distance, RATE, 81, 20000, 1)
        responses.append(response)
    longest = max(map(len, responses))
    return np.stack([np.pad(response, (0, longest - len(response))) for response in responses])


save("room/direct", impulse_responses(0, 1 - 0.75**2))
save("room/order_6", impulse_responses(6, 1 - 0.75**2))
# as it comes: single precision, a coarse table
room = pra_room(6, 1 - 0.75**2)
room.compute_rir()
longest = max(len(response[0]) for response in room.rir)
save("room/as_it_comes", np.stack([np.pad(response[0], (0, longest - len(response[0]))) for response in room.rir]))
save("room/inverse_sabine", np.array([pra.inverse_sabine(rt60, SIZE, c=C) for rt60 in (0.2, 0.4, 0.8)]))

packages = {name: version(name) for name in ("numpy", "nara_wpe", "pyroomacoustics")}
(HERE / "versions.txt").write_text(
    "".join(f"{name} {number}\n" for name, number in {"python": platform.python_version(), **packages}.items())
)
