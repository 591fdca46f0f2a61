"""A network of namespaces on one machine: a switch, and hosts with an address each. Needs root."""

import os
import signal
import subprocess

NETWORK = "10.77.0."
PREFIX = "fleet-"


def ip(*args, check=True):
    return subprocess.run(["ip", *args], check=check, capture_output=True, text=True)


class Lab:
    def __init__(self):
        self.hosts, self.children = {}, []
        self.clean()
        ip("netns", "add", PREFIX + "switch")
        self.on_switch("link", "add", "switch", "type", "bridge")
        self.on_switch("link", "set", "switch", "up")

    def on_switch(self, *args):
        return ip("-n", PREFIX + "switch", *args)

    def add(self, name, number):
        """A host, with the address 10.77.0.`number`."""
        space, port = PREFIX + name, f"to-{name}"
        ip("netns", "add", space)
        self.on_switch("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        self.on_switch("link", "set", port, "master", "switch", "up")
        ip("-n", space, "address", "add", f"{NETWORK}{number}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", space, "link", "set", device, "up")
        self.hosts[name] = NETWORK + str(number)

    def partition(self, name, cut):
        """Takes a host's cable out, or puts it in."""
        self.on_switch("link", "set", f"to-{name}", "down" if cut else "up")

    def start(self, name, *args, **options):
        """A program on a host; `ip` becomes it, so that signals reach it."""
        command = ["ip", "netns", "exec", PREFIX + name, *map(str, args)]
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        self.children.append(child)
        return child

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                child.wait()
        self.clean()

    @staticmethod
    def clean():
        """What an earlier run may have left goes, too."""
        for line in ip("netns", "list", check=False).stdout.splitlines():
            name = line.split()[0]
            if name.startswith(PREFIX):
                ip("netns", "delete", name, check=False)


def missing():
    """What keeps this machine from having such a network, or None."""
    if os.geteuid() != 0:
        return "not root"
    probe = PREFIX + "probe"
    try:
        ip("netns", "add", probe)
        ip("netns", "delete", probe)
    except FileNotFoundError:
        return "ip is not installed"
    except subprocess.CalledProcessError as error:
        return f"ip netns: {error.stderr.strip()}"
    return None
