"""What one replica says to requests of pages, its own answers and the upstream's alike."""

import json
import subprocess
import sys

ORIGINS = [
    "https://app.example",
    "https://a.partner.example",
    "https://partner.example",
    "http://app.example",
    "https://app.example.evil.example",
    "null",
]


def questions():
    for origin in ORIGINS:
        yield "GET", {"Origin": origin}
        for method, headers in [("PUT", "content-type"), ("DELETE", ""), ("PUT", "x-other")]:
            asks = {"Origin": origin, "Access-Control-Request-Method": method}
            if headers:
                asks["Access-Control-Request-Headers"] = headers
            yield "OPTIONS", asks
    yield "GET", {}
    yield "POST", {"Origin": "https://evil.example", "Cookie": "session=1"}


def verdicts(lab, name):
    """Asked from the clients' host: status and the fields of CORS of each answer."""
    command = [sys.executable, __file__, lab.hosts[name]]
    child = lab.start("clients", *command, stdout=subprocess.PIPE, text=True)
    text, _ = child.communicate(timeout=20)
    return json.loads(text)


def ask(address):
    import http.client

    for method, fields in questions():
        connection = http.client.HTTPConnection(address, 8080, timeout=5)
        connection.request(method, "/api/verdict", headers={"Host": "app.example", **fields})
        answer = connection.getresponse()
        said = {k.lower(): v for k, v in answer.getheaders() if k.lower().startswith("access-control-") or k.lower() == "vary"}
        answer.read()
        yield [method, fields, answer.status, said]
        connection.close()


if __name__ == "__main__":
    print(json.dumps(list(ask(sys.argv[1]))))
