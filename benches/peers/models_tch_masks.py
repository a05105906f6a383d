"""Training steps and masks of the separation U-Net beside the same network in PyTorch: one thread each, in turns.

    python benches/peers/models_tch_masks.py [BATCH]

Compares processor seconds, which another program's load does not change much; each side's best of all steps.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import torch  # noqa: E402

from ratios import row  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "crates/models-tch/tests/golden"))
import generate as nets  # noqa: E402

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# Ours begins with a fresh heap in every round: the first steps pay for its pages.
ROUNDS, STEPS = 2, 8


def theirs(module, patch, batch):
    mixture, source = torch.rand(batch, 1, *patch), torch.rand(batch, 1, *patch)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    module.train()
    train, predict = [], []
    for _ in range(STEPS):
        start = time.thread_time()
        optimizer.zero_grad()
        loss = (module(mixture) * mixture - source).abs().sum() / batch
        loss.backward()
        optimizer.step()
        loss.item()
        train.append(time.thread_time() - start)
    module.eval()
    with torch.no_grad():
        for _ in range(3):
            start = time.thread_time()
            module(mixture)
            predict.append(time.thread_time() - start)
    return {"train": train, "predict": predict}


def ours(masker, batch):
    command = [TARGET / "release/examples/time_masks", json.dumps(masker), batch, STEPS]
    return json.loads(subprocess.run(list(map(str, command)), capture_output=True, check=True, text=True).stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    subprocess.run("cargo build --release -p auscult-models-tch --example time_masks".split(), cwd=ROOT, check=True)
    patch = [512, 128]
    for name, network in ("U-Net", {}), ("U-Net without skips", {"skip": False}):
        masker = {"network": network, "sources": ["vocals"], "joint": False, "patch": patch}
        best = {}
        for _ in range(ROUNDS):
            module = nets.UNet(**network)
            for who, times in ("ours", ours(masker, batch)), ("theirs", theirs(module, patch, batch)):
                for what in ("train", "predict"):
                    best[who, what] = min(best.get((who, what), math.inf), *times[what])
        for what, goal in ("train", 0.95), ("predict", None):
            job = f"{name}, {what}, batch {batch}"
            row(job, f"torch {torch.__version__}", best["ours", what], best["theirs", what], goal)
