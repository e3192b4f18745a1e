"""Keeps what the process holds in memory, provider keys in the clear among it, to the process."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def keep_memory_private() -> None:
    """From here on a crash leaves no core, and no other process of the same user may look into this one:
    neither by a debugger nor by `/proc/<pid>/mem` and `environ`. Root always may.

    Children have the limit on cores too; a program that they start is as open to its user as any other.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # The limit alone is not enough: it does not bind a core that the kernel pipes to a collector.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")
