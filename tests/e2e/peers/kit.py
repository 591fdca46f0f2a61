"""Processes: the gateway under test, its peers, and what they use of memory and descriptors."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY = os.environ["GATEWAY"]
# What is measured of a debug build says nothing of times.
RELEASE = "debug" not in Path(BINARY).parts
# ca.pem, server.pem, server.key, client.pem, client.key
CERTS = Path(os.environ.get("CERTS", "."))
FOLDER = Path(tempfile.mkdtemp(prefix="peers-"))

_started = []


class Process:
    """A program that is gone when the test is."""

    def __init__(self, *args, **options):
        args = [str(arg) for arg in args]
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL, **options)
        _started.append(self)

    @property
    def pid(self):
        return self.child.pid

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, within=10):
        """Asks it to end; gives the exit status."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(within)

    def memory(self, key="VmRSS"):
        """KiB: `VmRSS`, or `VmHWM` for the peak."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def forget_peak(self):
        """The peak is what is used now; gives that."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.memory("VmHWM")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Gateway(Process):
    """The real gateway with a configuration, once it listens."""

    def __init__(self, config, top="", before=()):
        path = FOLDER / f"gateway-{len(_started)}.toml"
        path.write_text(f"listen = '127.0.0.1:0'\n{top}\n{config}")
        log = (FOLDER / f"gateway-{len(_started)}.log").open("w+")
        super().__init__(
            *before, BINARY, "--config", path, stdout=subprocess.PIPE, stderr=log, text=True
        )
        self.log = log
        self.origin = self.child.stdout.readline().strip().removeprefix("listening on ")
        if "://" not in self.origin:
            log.seek(0)
            raise AssertionError(f"the gateway did not start: {log.read()}")
        self.port = int(self.origin.rsplit(":", 1)[1])


def route(prefix, upstream, **keys):
    """A `[[routes]]` table. A dict is a table within it."""
    lines = ["[[routes]]"]
    for key, value in {"prefix": prefix, "upstream": upstream, **keys}.items():
        if isinstance(value, dict):
            lines += [f"{key}.{inner} = {json.dumps(it)}" for inner, it in value.items()]
        else:
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def tls(name="server"):
    """The top-level key that makes the gateway speak TLS."""
    return f"tls = {{ cert = '{CERTS / name}.pem', key = '{CERTS / name}.key' }}"


def address(port, scheme="http"):
    return f"{scheme}://127.0.0.1:{port}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, within=20):
    """Until something accepts there."""
    until(lambda: _accepts(port), f"nothing listens on {port}", within)


def _accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def until(condition, otherwise, within=10):
    """Waits for a condition. Returns as soon as it holds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.02)


def script(name, *args):
    """A Python program beside this file, once it says where it listens; gives it and the port."""
    program = Process(
        sys.executable, Path(__file__).parent / name, *args, stdout=subprocess.PIPE, text=True
    )
    return program, int(program.child.stdout.readline())


def stop_all():
    for process in reversed(_started):
        with contextlib.suppress(Exception):
            process.kill()
    subprocess.run(["rm", "-rf", FOLDER], check=False)


def measured(what, value):
    """A figure for the log of a run with `--nocapture`."""
    print(f"measured: {what}: {value}", flush=True)
