import importlib
import platform
import sys

from tests.benchmarks.run import compare

WORKLOADS = ["eager_moons", "eager_chain", "start_up"]


def main() -> None:
    chosen = sys.argv[1:] or WORKLOADS
    unknown = [name for name in chosen if name not in WORKLOADS]
    if unknown:
        raise SystemExit(f"no workload is named {unknown[0]!r}; choose from {', '.join(WORKLOADS)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}")
    for name in chosen:
        workload = importlib.import_module(f"tests.benchmarks.{name}")
        if hasattr(workload, "CONTENDERS"):
            compare(workload)
        else:
            workload.main()


if __name__ == "__main__":
    main()
