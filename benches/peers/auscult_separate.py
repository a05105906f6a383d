"""`auscult separate` beside the same in Python: a song of four minutes into two stems, with the paper's two U-Nets.

    python benches/peers/auscult_separate.py

Both sides read a FLAC of 44.1 kHz stereo, make the masks of overlapping patches with the same weights, filter by Wiener,
bring the gains to the song's own spectrum and write two WAV files of floats. Each side is a process with two threads; the
time is the wall clock's, the memory the greatest resident set.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SECONDS, RATE, ROUNDS = 240, 44_100, 3
LOW, N_FFT, HOP, BINS, FRAMES = 8192, 1024, 768, 512, 128


def separate(folder):
    """The Python side."""
    import numpy as np
    import soundfile
    import soxr
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file

    sys.path.insert(0, str(ROOT / "crates/models-tch/tests/golden"))
    from generate import UNet

    torch.set_num_threads(2)
    networks = torch.nn.ModuleDict({"vocals": UNet(), "accompaniment": UNet()}).eval()
    networks.load_state_dict(load_file(folder / "model.safetensors"))
    song, rate = soundfile.read(folder / "song.flac", dtype="float32", always_2d=True)
    low = torch.from_numpy(soxr.resample(song.mean(1), rate, LOW))
    window = torch.hann_window(N_FFT)
    mixture = torch.stft(low, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True).abs()[1:]
    mixture /= mixture.max()
    frames = mixture.shape[1]
    sums, weights = torch.zeros(2, BINS, frames), torch.zeros(frames)
    triangle = torch.minimum(torch.arange(FRAMES) + 1, FRAMES - torch.arange(FRAMES)).float()
    given = 0
    with torch.no_grad():
        for start in [*range(0, frames - FRAMES, FRAMES // 2), frames - FRAMES]:
            part = slice(start, start + FRAMES)
            # The last patch reaches back over frames that a stream has given away.
            fade = triangle * (torch.arange(start, start + FRAMES) >= given)
            given = start + FRAMES // 2
            for source, network in enumerate(networks.values()):
                sums[source, :, part] += fade * network(mixture[None, None, :, part])[0, 0]
            weights[part] += fade
    vocals, others = (sums / weights) ** 2
    gains = torch.cat([torch.zeros(1, frames), vocals / (vocals + others)])
    n_fft = 1 << round(math.log2(N_FFT / LOW * rate))
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(torch.from_numpy(song.T), n_fft, n_fft // 4, window=window, pad_mode="constant", return_complex=True)
    # Between the network's bins and frames; above its last bin the mean of its upper half.
    place = torch.arange(n_fft // 2 + 1) * (rate / n_fft) / (LOW / N_FFT)
    inside = place <= BINS
    lower = place[inside].long().clamp(max=BINS - 1)
    share = (place[inside] - lower)[:, None]
    own = (1 - share) * gains[lower] + share * gains[lower + 1]
    above = gains[BINS // 2 + 1 :].mean(0).expand(int((~inside).sum()), -1)
    own = torch.cat([own, above])
    at = (torch.arange(spectrum.shape[-1]) * (n_fft // 4 / rate * LOW / HOP)).clamp(max=frames - 1)
    earlier = at.long().clamp(max=frames - 2)
    own = torch.lerp(own[:, earlier], own[:, earlier + 1], at - earlier)
    voice = torch.istft(spectrum * own, n_fft, n_fft // 4, window=window, length=len(song)).T.numpy()
    soundfile.write(folder / "theirs.vocals.wav", voice, rate, subtype="FLOAT")
    soundfile.write(folder / "theirs.accompaniment.wav", song - voice, rate, subtype="FLOAT")


def prepare(folder):
    """A song and two networks with random weights."""
    import numpy as np
    import soundfile
    import torch
    from safetensors.torch import save_file

    sys.path.insert(0, str(ROOT / "crates/models-tch/tests/golden"))
    from generate import UNet

    torch.manual_seed(0)
    networks = torch.nn.ModuleDict({"vocals": UNet(), "accompaniment": UNet()})
    state = {name: value for name, value in networks.state_dict().items() if "num_batches" not in name}
    save_file(state, folder / "model.safetensors")
    sources = ["vocals", "accompaniment"]
    network = {"base": 16, "skip": True, "dropout": 0.5, "input_power": 1.0, "init": "torch"}
    front_end = {"sample_rate": LOW, "n_fft": N_FFT, "hop_length": HOP, "bins": BINS, "frames": FRAMES}
    sidecar = {
        "format": 1,
        "masker": {"network": network, "sources": sources, "joint": False, "patch": [BINS, FRAMES]},
        "version": "0",
        "metadata": {"contender": "random", "front_end": front_end, "heard": []},
    }
    (folder / "model.json").write_text(json.dumps(sidecar))
    at = np.arange(SECONDS * RATE) / RATE
    noise = 0.05 * np.random.default_rng(0).standard_normal((len(at), 2))
    tones = 0.2 * np.sin(2 * np.pi * 220 * at) + 0.1 * np.sin(2 * np.pi * (400 * at + 30 * np.sin(4 * at)))
    soundfile.write(folder / "song.flac", noise + tones[:, None], RATE, subtype="PCM_16")


def timed(command, environment):
    """Wall seconds, processor seconds and greatest resident bytes of a process."""
    start = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, command
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def agree(folder):
    """How much the two voices differ: the resamplers do, a little."""
    import numpy as np
    import soundfile

    ours, _ = soundfile.read(folder / "song.vocals.wav")
    theirs, _ = soundfile.read(folder / "theirs.vocals.wav")
    ratio = 10 * np.log10((theirs**2).sum() / ((ours - theirs) ** 2).sum())
    print(f"the voices agree to {ratio:.0f} dB")


def compare():
    # A child's greatest resident set is at least what its parent had at the fork: this process must stay small.
    from ratios import row

    subprocess.run("cargo build --release -p auscult --features cli,torch".split(), cwd=ROOT, check=True)
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([sys.executable, __file__, "prepare", folder], check=True)
        model = folder / "model.safetensors"
        sides = {
            "ours": [TARGET / "release/auscult", "separate", folder / "song.flac", "-o", folder, "--model", model],
            "theirs": [sys.executable, __file__, "separate", folder],
        }
        best = {}
        for _ in range(ROUNDS):
            for side, command in sides.items():
                best[side] = min(best.get(side, (math.inf,)), timed(command, environment))
        for side, (wall, processor, memory) in best.items():
            print(f"{side}: {wall:.2f} s, {processor:.2f} s of processor time, {memory / 1e6:.0f} MB")
        subprocess.run([sys.executable, __file__, "agree", folder], check=True)
    row("a song of 4 min, two stems", "torch, soxr, soundfile", best["ours"][0], best["theirs"][0])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"prepare": prepare, "separate": separate, "agree": agree}[sys.argv[1]](pathlib.Path(sys.argv[2]))
    else:
        compare()
