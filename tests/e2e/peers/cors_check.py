"""The tool `cors_check` on servers that others wrote, over TLS: each fault is named, and nothing that is right.

Each server is right at one path and wrong at others. A row is what is asked and what has to be found: nothing,
or a code and whose configuration it is.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import boto3
from botocore.config import Config

from kit import CERTS, FOLDER, Gateway, Process, address, free_port, route, tls, wait_for_port

TOOL = Path(os.environ["EXAMPLES"]) / "cors_check"
APP = "https://app.example.com"
WWW = "https://www.example.com"
CERT, KEY = CERTS / "server.pem", CERTS / "server.key"
TOKEN = ("--header", "authorization: Bearer good")
PUT = ("--method", "PUT")
WITH = ("--credentials",)


def check(port, path, *args, **options):
    """Runs the tool; gives its exit status and its results."""
    ran = run(port, path, "--json", *args, **options)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def run(port, path, *args, pages=(APP,), scheme="https", host="api.example.com", also=()):
    hosts = [(scheme, host, port), ("https", "bucket.example.com", port), *also]
    resolve = [word for s, host, p in hosts for word in ("--resolve", f"{s}://{host}:{p}=127.0.0.1:{p}")]
    asks = [word for page in pages for word in ("--page", page)]
    url = f"{scheme}://{host}:{port}{path}"
    words = [TOOL, "--timeout", "10", "--cacert", CERTS / "ca.pem", *resolve, *asks, *args, url]
    plain = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "timeout": 60}
    return subprocess.run([str(word) for word in words], **plain)


def faults(results):
    """The code and owner of each, but for notes."""
    found = [finding for result in results for finding in result["findings"]]
    return [(it["code"], it["owner"]) for it in found if it["severity"] != "note"]


def expect(port, rows, **options):
    """Each row: the path, the arguments, and the fault or nothing. All that differ are told."""
    wrong = []
    for path, args, expected in rows:
        status, results = check(port, path, *args, **options)
        wanted = [expected] if expected else []
        if (status, faults(results)) != (len(wanted), wanted):
            wrong.append(f"{path} {args}: expected {wanted}, found {json.dumps(results, indent=1)}")
    assert not wrong, "\n".join(wrong)


def nginx(locations, more=""):
    """nginx over TLS with these locations; gives its port."""
    port = free_port()
    conf = FOLDER / "nginx.conf"
    conf.write_text(f"""
        {"user root;" if os.getuid() == 0 else ""}
        pid {FOLDER}/nginx.pid; error_log {FOLDER}/nginx.log; daemon off; master_process off;
        worker_processes 1; events {{ worker_connections 64; }}
        http {{
            access_log off; default_type text/plain; absolute_redirect off;
            client_body_temp_path {FOLDER}/body; proxy_temp_path {FOLDER}/proxy;
            fastcgi_temp_path {FOLDER}/f; uwsgi_temp_path {FOLDER}/u; scgi_temp_path {FOLDER}/s;
            map $http_origin $known {{ default ""; "{APP}" "{APP}"; "{WWW}" "{WWW}"; }}
            {more.replace("TLS_PORT", str(port))}
            server {{
                listen 127.0.0.1:{port} ssl http2;
                ssl_certificate {CERT}; ssl_certificate_key {KEY}; root {FOLDER};
                {textwrap.dedent(locations)}
            }}
        }}""")
    Process("nginx", "-p", FOLDER, "-c", conf, "-e", FOLDER / "nginx.log")
    wait_for_port(port)
    return port


def add(name, value, always="always"):
    return f'add_header Access-Control-{name} "{value}" {always};'


# needs: nginx
def test_nginx_as_it_is_configured_wrongly():
    (FOLDER / "passwords").write_text("")
    (FOLDER / "static").mkdir()
    (FOLDER / "static" / "x.txt").write_text("x")
    plain, backend = free_port(), free_port()
    mine = add("Allow-Origin", APP) + 'add_header Vary "Origin" always;'
    allow = add("Allow-Methods", "PUT") + add("Allow-Headers", "authorization")
    port = nginx(
        f"""
        location = /ok {{ {mine} {allow} if ($request_method = OPTIONS) {{ {mine} {allow} return 204; }} return 200 ok; }}
        location = /known {{ {add("Allow-Origin", "$known")} add_header Vary Origin always; return 200 ok; }}
        location = /none {{ return 200 ok; }}
        location = /sometimes {{ {add("Allow-Origin", APP, "")} return 404; }}
        location = /twice {{ {add("Allow-Origin", "*")} proxy_pass http://127.0.0.1:{backend}; }}
        location = /list {{ {add("Allow-Origin", f"{APP}, {WWW}")} return 200 ok; }}
        location = /port {{ {add("Allow-Origin", APP + ":8443")} return 200 ok; }}
        location = /bare {{ {add("Allow-Origin", "app.example.com")} return 200 ok; }}
        location = /varies {{ {add("Allow-Origin", "$known")} return 200 ok; }}
        location /static/ {{ {mine} }}
        location = /slash {{ return 301 /slash/; }}
        location = /login {{ auth_basic "x"; auth_basic_user_file {FOLDER}/passwords; {mine} }}
        location = /age {{ {mine} {allow} {add("Max-Age", "10m")} return 204; }}
        location = /semicolons {{ {mine} {add("Allow-Headers", "x-a; authorization")} return 204; }}
        location = /down {{ proxy_pass http://127.0.0.1:1; {add("Allow-Origin", APP, "")} }}
        """,
        more=f"""
            server {{ listen 127.0.0.1:{plain}; return 301 https://api.example.com:TLS_PORT$request_uri; }}
            server {{ listen 127.0.0.1:{backend}; {mine} location / {{ return 200 ok; }} }}
        """,
    )
    expect(port, [
        ("/ok", (), None),
        ("/ok", (*PUT, *TOKEN), None),
        ("/none", (), ("missing-allow-origin", "nginx")),
        ("/sometimes", (), ("missing-allow-origin-on-error", "nginx")),
        ("/down", (), ("missing-allow-origin-on-error", "nginx")),
        ("/twice", (), ("several-allow-origin-lines", "nginx")),
        ("/list", (), ("allow-origin-list", "nginx")),
        ("/port", (), ("allow-origin-port", "nginx")),
        ("/bare", (), ("allow-origin-without-scheme", "nginx")),
        ("/static/x.txt", (), None),
        ("/static/x.txt", TOKEN, ("preflight-method-refused", "nginx")),
        ("/slash", TOKEN, ("preflight-redirect-of-slash", "nginx")),
        ("/login", TOKEN, ("preflight-needs-authentication", "nginx")),
        ("/age", TOKEN, ("max-age-not-seconds", "nginx")),
        ("/semicolons", TOKEN, ("headers-not-a-list", "nginx")),
    ])
    http = {"pages": ["http://app.example.com"], "scheme": "http", "also": [("https", "api.example.com", port)]}
    expect(plain, [("/ok", TOKEN, ("preflight-redirect-to-https", "nginx"))], **http)
    # What only two pages show together.
    pages = [APP, WWW]
    assert faults(check(port, "/known", pages=pages)[1]) == []
    status, results = check(port, "/varies", pages=pages)
    assert (status, faults(results)) == (1, [("missing-vary", "nginx")] * 2), results


# needs: npm
def test_express_with_cors():
    port = free_port()
    Process("node", Path(__file__).parent / "express_cors.js", port, CERT, KEY)
    wait_for_port(port)
    expect(port, [
        ("/ok", (*PUT, *TOKEN, *WITH), None),
        ("/ok", WITH, None),
        ("/star", (), None),
        ("/star", WITH, ("wildcard-with-credentials", "express")),
        ("/slash", (), ("allow-origin-trailing-slash", "express")),
        ("/scheme", (), ("allow-origin-scheme", "express")),
        ("/port", (), ("allow-origin-port", "express")),
        ("/anonymous", WITH, ("missing-allow-credentials", "express")),
        ("/methods", PUT, ("method-not-allowed", "express")),
        ("/headers", TOKEN, ("header-not-allowed", "express")),
        ("/star-methods", (*PUT, *WITH), ("methods-wildcard-with-credentials", "express")),
        ("/token-first", TOKEN, ("preflight-needs-authentication", "express")),
        ("/token-around", (), ("missing-allow-origin-on-error", "express")),
        ("/python", WITH, ("allow-credentials-not-true", "express")),
        (f"/to-bucket?port={port}", (), ("null-origin-after-redirect", "express")),
    ])
    status, results = check(port, "/echo", pages=[APP, WWW])
    assert (status, faults(results)) == (1, [("missing-vary", "express")] * 2), results
    assert check(port, "/ok", *WITH, pages=[APP])[1][0]["readable"] is True


# needs: npm
def test_what_is_sent_is_said_before_and_can_be_left_out():
    port = free_port()
    Process("node", Path(__file__).parent / "express_cors.js", port, CERT, KEY)
    wait_for_port(port)
    url = f"https://api.example.com:{port}"
    ran = run(port, "/ok", *PUT, *TOKEN, *WITH)
    assert ran.returncode == 0 and "  readable\n" in ran.stdout, ran.stdout
    assert f"sending PUT {url}/ok with authorization" in ran.stderr and "good" not in ran.stderr, ran.stderr
    ran = run(port, "/ok", *PUT, *TOKEN, *WITH, "--preflight-only")
    assert ran.returncode == 0 and "NOT SENT" in ran.stdout, ran.stdout
    assert "> PUT" not in ran.stdout and ran.stderr.startswith("not sent: PUT"), ran.stdout + ran.stderr
    # After a redirect it is said again, with what is left of it.
    ran = run(port, "/see-here", "--method", "POST", "--body", "x")
    expected = f"sending POST {url}/see-here with content-type, 1 bytes of body\nsending POST {url}/echo-app"
    assert ran.stderr.startswith(expected), ran.stderr
    # A matrix: pages that may, and one that may not and is not to.
    matrix = FOLDER / "matrix.toml"
    matrix.write_text(f"""
        pages = ["{APP}"]
        [[calls]]
        url = "{url}/ok"
        method = "PUT"
        headers = ["authorization: Bearer good"]
        credentials = true
        [[calls]]
        url = "{url}/ok"
        pages = ["{WWW}"]
        readable = false
        [[calls]]
        url = "{url}/star"
        pages = ["{WWW}"]
        readable = false
    """)
    status, results = check(port, "/star", "--matrix", matrix)
    found = [[finding["code"] for finding in result["findings"]] for result in results]
    assert (status, found) == (1, [[], [], ["readable-by-others"], []]), results
    assert [result["readable"] for result in results] == [True, False, True, True]
    # Mistakes are told at once, and nothing is sent.
    assert run(port, "/ok", "--engine", "netscape").returncode == 2


def test_the_layer_of_tower_http():
    layer = Process(TOOL.parent / "tower_http_cors", CERT, KEY, stdout=subprocess.PIPE, text=True)
    port = int(layer.child.stdout.readline())
    # Since 0.7 its answers do not show who gave them.
    expect(port, [
        ("/ok", (*PUT, *TOKEN, *WITH), None),
        ("/anonymous", (), None),
        ("/anonymous", WITH, ("missing-allow-credentials", "server")),
        ("/stranger", (), ("missing-allow-origin", "server")),
        ("/method", PUT, ("method-not-allowed", "server")),
        ("/header", TOKEN, ("header-not-allowed", "server")),
        ("/any", TOKEN, ("authorization-not-covered-by-wildcard", "server")),
        ("/any", (*TOKEN, "--engine", "standard"), ("authorization-not-covered-by-wildcard", "server")),
        ("/any", (), None),
        ("/inside", TOKEN, None),
        # The layer outside says nothing of itself.
        ("/inside", (), ("missing-allow-origin-on-error", "server")),
    ])


RULE = {"AllowedOrigins": [APP], "AllowedMethods": ["GET"], "AllowedHeaders": ["x-a"]}


def xml(**rule):
    """A bucket's configuration, as a file."""
    tags = {"AllowedOrigins": "AllowedOrigin", "AllowedMethods": "AllowedMethod", "AllowedHeaders": "AllowedHeader"}
    inner = "".join(f"<{tags[key]}>{it}</{tags[key]}>" for key, items in rule.items() for it in items)
    file = FOLDER / "cors.xml"
    file.write_text(f"<CORSConfiguration><CORSRule>{inner}</CORSRule></CORSConfiguration>")
    return file


def client(port):
    """Of version 2 signatures, which both servers take."""
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    keys = {"aws_access_key_id": "S3RVER", "aws_secret_access_key": "S3RVER", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=address(port, "https"), verify=str(CERTS / "ca.pem"), config=config, **keys)


# needs: npm
def test_a_bucket_of_s3rver():
    port = free_port()
    s3rver = ["node", os.environ["S3RVER"], "--silent", "--no-vhost-buckets", "--directory", FOLDER / "s3"]
    Process(
        *s3rver, "--address", "127.0.0.1", "--port", port, "--cert", CERT, "--key", KEY,
        "--configure-bucket", "bucket", xml(**RULE), "--configure-bucket", "closed",
    )  # fmt: skip
    wait_for_port(port)
    client(port).put_object(Bucket="bucket", Key="x", Body=b"x")
    expect(port, [
        ("/bucket/x", (), None),
        ("/bucket/x", ("--header", "x-a"), None),
        ("/bucket/missing", (), None),
        ("/bucket/x", TOKEN, ("preflight-refused-by-rules", "s3")),
        ("/bucket/x", PUT, ("preflight-refused-by-rules", "s3")),
        ("/closed/x", (), ("missing-allow-origin-on-error", "s3")),
        ("/closed/x", PUT, ("preflight-refused-by-rules", "s3")),
    ])
    expect(port, [("/bucket/missing", (), ("missing-allow-origin-on-error", "s3"))], pages=[WWW])


def test_a_bucket_of_moto():
    port = free_port()
    Process(Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", port, "-c", CERT, "-k", KEY)
    wait_for_port(port)
    s3 = client(port)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="x", Body=b"x", ACL="public-read")
    rules = [{**RULE, "AllowedOrigins": [APP, WWW]}]
    s3.put_bucket_cors(Bucket="bucket", CORSConfiguration={"CORSRules": rules})
    # A name would be that of a bucket.
    here = {"host": "127.0.0.1"}
    rows = [
        ("/bucket/x", (), None),
        ("/bucket/x", ("--header", "x-a"), None),
        ("/bucket/x", TOKEN, ("header-not-allowed", "s3")),
        ("/bucket/x", PUT, ("method-not-allowed", "s3")),
    ]
    expect(port, rows, **here)
    stranger = {"pages": ["https://stranger.example"], **here}
    expect(port, [("/bucket/x", PUT, ("preflight-refused-by-rules", "s3"))], **stranger)
    # moto's own fault, as S3 itself does vary; and its answer does not say who gave it.
    status, results = check(port, "/bucket/x", pages=[APP, WWW], **here)
    assert (status, faults(results)) == (1, [("missing-vary", "server")] * 2), results


def test_our_gateway():
    backend = free_port()
    Process(sys.executable, "-m", "http.server", backend, "--bind", "127.0.0.1", "--directory", CERTS)
    wait_for_port(backend)
    cors = {"allow_origins": [APP, WWW], "allow_methods": ["PUT"], "allow_headers": ["authorization"]}
    gateway = Gateway(
        route("/api", address(backend), cors={**cors, "allow_credentials": True})
        + route("/open", address(backend), cors={"allow_origins": "*"})
        + route("/bare", address(backend)),
        top=tls(),
    )
    expect(gateway.port, [
        ("/api/ca.pem", WITH, None),
        # The refusals of what is behind it (501, 404) can be read.
        ("/api/x", (*PUT, *TOKEN, *WITH), None),
        ("/api/x", WITH, None),
        ("/api/x", ("--method", "DELETE"), ("preflight-refused-by-policy", "same-origin")),
        ("/api/x", ("--header", "x-b"), ("preflight-refused-by-policy", "same-origin")),
        ("/open/ca.pem", WITH, ("wildcard-with-credentials", "same-origin")),
        ("/bare/ca.pem", (), ("missing-allow-origin", "same-origin")),
        ("/bare/x", (), ("missing-allow-origin-on-error", "same-origin")),
    ])
    expect(gateway.port, [("/api/ca.pem", (), ("missing-allow-origin", "same-origin"))], pages=["https://stranger.example"])
    assert faults(check(gateway.port, "/api/ca.pem", *WITH, pages=[APP, WWW])[1]) == []
