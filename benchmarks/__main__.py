"""Run the benchmarks and write bench.json: `python -m benchmarks [--quick | --full] [NAME ...]`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.cluster import dask_2_vs_1
from benchmarks.first_mask import first_mask_s, first_mask_sparse_s
from benchmarks.large import predict_peak_mb
from benchmarks.latency import train_gui_latency_p95_ms
from benchmarks.measure import Benchmark
from benchmarks.opening import open_peak_mb, open_vs_tifffile
from benchmarks.prediction import (
    fold_vs_plain,
    predict_vs_monai_bf16,
    predict_vs_monai_fp32,
    predict_vs_monai_same_net,
    predict_vs_network,
)
from benchmarks.startup import import_s
from benchmarks.training import (
    cond_step_vs_plain,
    data_share,
    train_vs_plain,
)
from benchmarks.whatif import whatif_512_ms

BENCHMARKS = (
    import_s,
    open_vs_tifffile,
    open_peak_mb,
    fold_vs_plain,
    predict_vs_monai_fp32,
    predict_vs_monai_bf16,
    predict_vs_monai_same_net,
    predict_vs_network,
    dask_2_vs_1,
    predict_peak_mb,
    train_vs_plain,
    data_share,
    cond_step_vs_plain,
    first_mask_s,
    first_mask_sparse_s,
    train_gui_latency_p95_ms,
    whatif_512_ms,
)


def main() -> None:
    """Run those named, or all, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", dest="effort", action="store_const", const="quick")
    effort.add_argument("--full", dest="effort", action="store_const", const="full")
    parser.set_defaults(effort="usual")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    arguments = parser.parse_args()
    chosen = [b for b in BENCHMARKS if not arguments.names or b.__name__ in arguments.names]
    results = []
    for benchmark in chosen:
        result = benchmark(arguments.effort)
        results.append(result.to_json())
        print_line(result)
        arguments.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"Written: {arguments.out}")


def print_line(result: Benchmark) -> None:
    """One line a benchmark, and one a case."""
    mark = "met" if result.met else "MISSED"
    sign = "at most" if result.better == "lower" else "at least"
    print(
        f"{result.name}: {result.value:.3f} {result.unit} ({sign} {result.target:g}: {mark})",
        flush=True,
    )
    for case in (*result.cases, *result.others):
        what = " ".join(f"{v}" for k, v in case.items() if k in ("case", "method", "plane_px"))
        apart = "".join(f", {k} {case[k]:.2f}" for k in ("layout", "bf16") if k in case)
        print(f"    {what}: {case['value']:.3f}{apart}")


if __name__ == "__main__":
    main()
