"""Chromium with a page that the fleet serves, and the collector to which the page tells what it sees, until SIGTERM.
Each outcome is a line of JSON.

    browser.py CHROMIUM PAGE OWN-ADDRESS
"""

import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

chromium, page, own = sys.argv[1:]
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --remote-debugging-port=0""".split()


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        done = time.monotonic()
        sent = done - told["took"] / 1000
        outcome = {"kind": told["kind"], "sent": sent, "done": done, "at": None, "error": told["error"]}
        # One piece, as several threads write.
        os.write(1, json.dumps(outcome).encode() + b"\n")
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def stop(*_):
    raise SystemExit


signal.signal(signal.SIGTERM, stop)
collector = http.server.ThreadingHTTPServer((own, 9000), Collector)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    args = [chromium, *OPTIONS, f"--user-data-dir={profile}", page]
    browser = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        collector.serve_forever()
    finally:
        browser.terminate()
        browser.wait(10)
