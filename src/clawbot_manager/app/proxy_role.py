"""A proxy that runs alone, in as little memory as it needs: `serve --role proxy` becomes this.

    python -m clawbot_manager.app.proxy_role <plan's descriptor> <a listening socket's descriptor>...

One worker serves in this very process. For more, this process only looks after them. What a worker needs is
imported in the worker; nothing here or there imports the control plane's frameworks.
"""

import os
import sys


def main() -> int:
    """Serve until asked to stop; the exit code."""
    plan_from, *listening = map(int, sys.argv[1:])
    with os.fdopen(plan_from, "rb") as pipe:
        plan = pipe.read()
    for descriptor in listening:
        os.set_inheritable(descriptor, False)
    if len(listening) == 1:
        from clawbot_manager.app.proxy_worker import serve  # noqa: PLC0415

        return serve(plan, listening[0])
    from clawbot_manager.app.supervisor import supervise  # noqa: PLC0415

    return supervise(plan, listening)


if __name__ == "__main__":
    sys.exit(main())
