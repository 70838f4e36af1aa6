"""What the layer graph costs at 1,000, 10,000 and 100,000 simulated images (see fleet.py), each in a process of its own.

Seconds are those of the CPU, since it all runs on one, and what else the machine does is not counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST_SECONDS = 60
MOST_BYTES = 2.5e9


def test_a_fleet() -> None:
    costs = []
    for count in (1_000, 10_000, 100_000):
        command = [sys.executable, str(Path(__file__).parent / "fleet.py"), str(count)]
        costs.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    print("\n" + f"{'CPU s':26}" + "".join(f"{one['images']:>10,}" for one in costs))
    for name in costs[0]["seconds"]:
        print(f"{name:26}" + "".join(f"{one['seconds'][name]:10.2f}" for one in costs))
    print(f"{'all':26}" + "".join(f"{sum(one['seconds'].values()):10.1f}" for one in costs))
    print(f"{'layers':26}" + "".join(f"{one['layers']:>10,}" for one in costs))
    print(f"{'nodes':26}" + "".join(f"{one['nodes']:>10,}" for one in costs))
    print(f"{'peak, MB':26}" + "".join(f"{one['peak'] / 1e6:10.0f}" for one in costs))
    assert sum(costs[-1]["seconds"].values()) < MOST_SECONDS
    assert costs[-1]["peak"] < MOST_BYTES
