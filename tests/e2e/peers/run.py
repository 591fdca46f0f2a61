"""Runs one test of one file beside this one: `run.py faults upstream_restarts`."""

import asyncio
import importlib
import inspect
import os
import signal
import sys
import threading

import kit

# A test that hangs becomes a failure with a place.
SECONDS = 100


def end_with_parent():
    """Ends the whole group when whoever started this is gone, however it went."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def give_up(*_):
    raise TimeoutError(f"not done after {SECONDS} s")


def main():
    if not sys.stdin.isatty() and os.getpgrp() == os.getpid():
        threading.Thread(target=end_with_parent, daemon=True).start()
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS + int(os.environ.get("SOAK", 0)))
    module, name = sys.argv[1:]
    test = getattr(importlib.import_module(module), f"test_{name}")
    try:
        if inspect.iscoroutinefunction(test):
            asyncio.run(test())
        else:
            test()
    finally:
        kit.stop_all()


main()
