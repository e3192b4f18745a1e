"""Runs the directory that this file lies in, wherever that is: no part of it is installed.

Exit codes: 0 asked to end, 64 not called as it must be, 69 port taken, 75 another process is this bot
already, 78 environment incomplete.
"""

import os
import sys
from importlib import import_module

here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs milliseconds
# The interpreter put this directory in front of the standard library; our own name is all it has to find,
# and last, so that nothing that lies beside us is taken for a module of the standard library.
sys.path[:] = [*(place for place in sys.path if place != here), os.path.dirname(here)]  # noqa: PTH120
if not os.environ.get("CLAWBOT_PROXY_URL", "").lower().startswith("https:"):
    # http.client takes TLS along whenever there is any: megabytes in each bot, for a proxy that has none
    sys.modules["ssl"] = None  # type: ignore[assignment]

if __name__ == "__main__":
    sys.exit(import_module(f"{os.path.basename(here)}.service").main(sys.argv[1:]))  # noqa: PTH119
