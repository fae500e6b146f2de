"""Read files of calls one after the other in a process of its own, and say of each what came of it, as JSON."""

import json
import resource
import sys
import traceback
from pathlib import Path

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.errors import InputError

ALL = Reading(filters=Filters(words=None))


def outcome(path):
    """Return rows and patients, or the message, or the traceback of what should not happen."""
    try:
        read = read_calls([path], ALL)
    except InputError as error:
        return {"message": str(error)}
    except BaseException:  # noqa: BLE001 - whatever it is, the test shall show it
        return {"traceback": traceback.format_exc()}
    return {"rows": len(read.calls) + int(read.dropped["rows"].sum())}


def peak():
    """Return the most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    words = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(words.split()[1]) >> 10


if __name__ == "__main__":
    # Far beyond what is allowed, and far below what would harm the machine.
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    for name in json.load(sys.stdin):
        print(json.dumps({"path": name, **outcome(name), "peak": peak()}), flush=True)
