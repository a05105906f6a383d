"""Makes five.stem.mp4, a file of five audio tracks: tones of 200, 400, ... 1000 Hz, half a second each. Needs PyAV.

Encoders of other versions give other bytes: run it only on purpose.
"""

from pathlib import Path

import av
import numpy as np

RATE, TRACKS, FRAME = 44_100, 5, 1024

with av.open(str(Path(__file__).parent / "five.stem.mp4"), "w", format="mp4") as container:
    streams = [container.add_stream("aac", rate=RATE) for _ in range(TRACKS)]
    for stream in streams:
        stream.bit_rate, stream.layout = 32_000, "mono"
    t = np.arange(RATE // 2) / RATE
    for track, stream in enumerate(streams):
        tone = (0.3 * np.sin(2 * np.pi * 200 * (track + 1) * t)).astype(np.float32)[None]
        for start in range(0, tone.shape[1], FRAME):
            block = np.ascontiguousarray(tone[:, start : start + FRAME])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
