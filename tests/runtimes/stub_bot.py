"""The smallest program that the process runtime can run: it says that it is up and waits to be ended."""

import os
import signal
import sys

if os.environ.get("STUB_STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("the bot is up\n")
sys.stdout.flush()
while True:
    signal.pause()
