"""Training steps of our networks beside the same networks in PyTorch: one thread each, in turns.

    python benches/peers/models_tch.py [BATCH]        (from the workspace root, with requirements-torch.txt installed)

Compares processor seconds, which another program's load does not change much; each side's best of all steps.
"""

import importlib.util
import json
import math
import os
import pathlib
import subprocess
import sys
import time

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import torch
import torch.nn.functional as F
from ratios import row

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "crates/models-tch/tests/golden"


def module(path):
    spec = importlib.util.spec_from_file_location(path.parent.name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


nets, singing = module(GOLDEN / "generate.py"), module(GOLDEN / "singing/generate.py")

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROUNDS, STEPS = 3, 3


def theirs(module, shape, batch):
    x, y = torch.randn(batch, *shape), F.one_hot(torch.arange(batch) % 91, 91).float()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    module.train()
    train, predict = [], []
    for _ in range(STEPS):
        start = time.thread_time()
        optimizer.zero_grad()
        loss = F.cross_entropy(module(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
        train.append(time.thread_time() - start)
    module.eval()
    with torch.no_grad():
        for _ in range(3):
            start = time.thread_time()
            torch.softmax(module(x), -1)
            predict.append(time.thread_time() - start)
    return {"train": train, "predict": predict}


def ours(network, shape, batch):
    command = [TARGET / "release/examples/time_steps", json.dumps(network), ",".join(map(str, shape)), batch, STEPS]
    return json.loads(subprocess.run(list(map(str, command)), capture_output=True, check=True, text=True).stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    subprocess.run("cargo build --release -p auscult-models-tch --example time_steps".split(), cwd=ROOT, check=True)
    for network, peer, shape in [
        ({"kind": "avian_v20"}, nets.Avian(91, **nets.AVIAN["avian_v20"]), [1, 128, 128]),
        ({"kind": "bird_resnet"}, nets.BirdResNet(91, 64), [1, 64, 130]),
        ({"kind": "se_resnet", "depth": 14}, singing.SeResNet(14, 91), [1, 80, 80]),
        ({"kind": "se_resnet", "depth": 50}, singing.SeResNet(50, 91), [1, 80, 80]),
    ]:
        best = {}
        for _ in range(ROUNDS):
            for who, times in ("ours", ours(network, shape, batch)), ("theirs", theirs(peer, shape, batch)):
                for what in ("train", "predict"):
                    best[who, what] = min(best.get((who, what), math.inf), *times[what])
        for what, goal in ("train", 0.95), ("predict", None):
            name = "-".join(map(str, network.values()))
            job = f"{name}, {what}, batch {batch}"
            row(job, f"torch {torch.__version__}", best["ours", what], best["theirs", what], goal)
