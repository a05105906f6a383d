"""What the peers share: the Rust side, and the rows of the ratio table, which are printed and kept for
`cargo xtask bench --peers` in the file it names."""

import json
import os
import pathlib
import subprocess

KEPT_IN = os.environ.get("AUSCULT_RATIOS")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def built(example, package="auscult-benches"):
    """Builds an example in release mode and asks cargo where it is."""
    command = f"cargo build --release -p {package} --example {example} --message-format json".split()
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = (json.loads(line) for line in lines if line.startswith("{"))
    return next(m["executable"] for m in messages if m.get("target", {}).get("name") == example)


def row(job, peer, ours, theirs, goal=None):
    """Seconds of both sides on the same input. `goal` is the least ratio theirs / ours that we want, if there is one."""
    ratio = theirs / ours
    verdict = "" if goal is None else f"   goal {goal}x: {'met' if ratio >= goal else 'missed'}"
    print(f"{job:44} {peer:24} {1e3 * ours:11.3f} ms {1e3 * theirs:11.3f} ms {ratio:9.2f}x{verdict}", flush=True)
    if KEPT_IN:
        record = {"job": job, "peer": peer, "ours_s": ours, "peer_s": theirs, "ratio": ratio, "goal": goal}
        with open(KEPT_IN, "a") as table:
            table.write(json.dumps(record) + "\n")
