"""Diarization error rate of an hour of conversation against pyannote.metrics."""

import pathlib
import tempfile
import warnings

from side_by_side import build, compare
import numpy as np

warnings.filterwarnings("ignore")


def main():
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    draw = np.random.default_rng(0)
    reference, hypothesis, now, last = [], [], 0.0, {}
    while now < 3600:
        speaker, length = f"S{draw.integers(5)}", round(draw.gamma(2, 1.2), 3) + 0.1
        start = max(now, last.get(speaker, 0.0))
        reference.append((start, start + length, speaker))
        last[speaker] = start + length
        found = f"H{speaker}" if draw.random() > 0.15 else "HX"
        begin = max(start + 0.1 * draw.normal(), last.get(found, 0.0), 0.0)
        end = max(start + length + 0.1 * draw.normal(), begin + 0.2)
        hypothesis.append((begin, end, found))
        last[found] = end
        now = start + length * draw.choice([0.8, 1.0, 1.1])

    def annotation(turns):
        result = Annotation()
        for track, (start, end, speaker) in enumerate(turns):
            result[Segment(start, end), track] = speaker
        return result

    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("reference.rttm", "hypothesis.rttm")]
        for file, turns in zip(files, (reference, hypothesis)):
            lines = [f"SPEAKER x 1 {s!r} {e - s!r} <NA> <NA> {who} <NA> <NA>" for s, e, who in turns]
            file.write_text("\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n")
        r, h = annotation(reference), annotation(hypothesis)
        peers = {"pyannote.metrics": lambda: DiarizationErrorRate()(r, h)}
        compare(build(), "der", files, peers, repetitions=20, goals={"pyannote.metrics": 20})
        print(f"{len(reference)} reference turns")


if __name__ == "__main__":
    main()
