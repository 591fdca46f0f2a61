"""Servers that people put behind a gateway: nginx, `python3 -m http.server`."""

import gzip
import hashlib
import os
import sys

from kit import CERTS, FOLDER, Gateway, Process, address, free_port, measured, route, wait_for_port
from wire import Wire, ask, request

MIB = 1 << 20
TEXT = "".join(f"line {n} of a page worth compressing\n" for n in range(2000)).encode()


def site():
    """A folder with a page, something binary, and a folder within."""
    root = FOLDER / "site"
    (root / "docs").mkdir(parents=True)
    (root / "page.txt").write_bytes(TEXT)
    (root / "docs" / "index.html").write_bytes(b"<title>docs</title>")
    (root / "a b+c%d.bin").write_bytes(bytes(range(256)) * 16)
    return root


def nginx(server, listen="", top="", http=""):
    """nginx with one server; gives its port."""
    return start_nginx(server, listen, top, http)[1]


def start_nginx(server, listen="", top="", http=""):
    """nginx with one server; gives the process and its port."""
    port = free_port()
    conf = FOLDER / "nginx.conf"
    conf.write_text(f"""
        {"user root;" if os.getuid() == 0 else ""}
        pid {FOLDER}/nginx.pid; error_log {FOLDER}/nginx.log; daemon off; master_process off; {top}
        worker_processes 1; events {{ worker_connections 1024; }}
        http {{
            access_log off; default_type application/octet-stream;
            types {{ text/plain txt; text/html html; }}
            client_body_temp_path {FOLDER}/body; proxy_temp_path {FOLDER}/proxy;
            fastcgi_temp_path {FOLDER}/f; uwsgi_temp_path {FOLDER}/u; scgi_temp_path {FOLDER}/s;
            client_max_body_size 0; keepalive_timeout 60s; {http}
            server {{ listen 127.0.0.1:{port} {listen}; {server} }}
        }}""")
    process = Process("nginx", "-p", FOLDER, "-c", conf, "-e", FOLDER / "nginx.log")
    wait_for_port(port)
    return process, port


async def files_work(gateway, conditional=True):
    """What every server of files does, under the gateway's prefix."""
    whole = await ask(gateway.port, "GET", "/site/page.txt")
    assert (whole.status, whole.body) == (200, TEXT)
    head = await ask(gateway.port, "HEAD", "/site/page.txt")
    assert (head.status, head.get("content-length")) == (200, str(len(TEXT)))
    odd = await ask(gateway.port, "GET", "/site/a%20b+c%25d.bin")
    assert odd.body == bytes(range(256)) * 16
    assert (await ask(gateway.port, "GET", "/site/missing")).status == 404
    since = [("if-modified-since", whole.get("last-modified"))]
    same = await ask(gateway.port, "GET", "/site/page.txt", since)
    assert (same.status, same.body) == (304, b"")
    folder = await ask(gateway.port, "GET", "/site/docs")
    assert folder.status == 301
    assert folder.get("location") == "/site/docs/", folder.get("location")
    assert (await ask(gateway.port, "GET", "/site/docs/")).body == b"<title>docs</title>"
    # All of that on one connection too, whatever comes in between.
    wire = await Wire.connect(gateway.port)
    for method, path in [("GET", "page.txt"), ("HEAD", "page.txt"), ("GET", "missing"), ("GET", "docs/")] * 3:
        answer = await wire.ask(method, f"/site/{path}")
        assert answer.status == (404 if path == "missing" else 200), f"{method} {path}"
    wire.close()


async def test_python_http_server_behind():
    root = site()
    port = free_port()
    Process(sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", root)
    wait_for_port(port)
    gateway = Gateway(route("/site", address(port)))
    await files_work(gateway)
    assert b"page.txt" in (await ask(gateway.port, "GET", "/site/")).body


# needs: nginx
async def test_nginx_behind():
    # nginx takes a request with Via for one of a proxy, which gets nothing compressed by default.
    packing = "gzip on; gzip_proxied any; gzip_types text/plain; gzip_min_length 1;"
    port = nginx(f"root {site()}; {packing}")
    gateway = Gateway(route("/site", address(port)))
    await files_work(gateway)

    whole = await ask(gateway.port, "GET", "/site/page.txt")
    ranges = [("bytes=0-9", TEXT[:10]), ("bytes=-5", TEXT[-5:]), ("bytes=100-", TEXT[100:])]
    for asked, part in ranges:
        answer = await ask(gateway.port, "GET", "/site/page.txt", [("range", asked)])
        assert (answer.status, answer.body) == (206, part), asked
    several = await ask(gateway.port, "GET", "/site/page.txt", [("range", "bytes=0-1,5-6")])
    assert several.status == 206
    assert several.get("content-type").startswith("multipart/byteranges")
    beyond = await ask(gateway.port, "GET", "/site/page.txt", [("range", "bytes=999999-")])
    assert beyond.status == 416
    stale = [("range", "bytes=0-9"), ("if-range", '"another"')]
    assert (await ask(gateway.port, "GET", "/site/page.txt", stale)).status == 200
    tag = [("if-none-match", whole.get("etag"))]
    assert (await ask(gateway.port, "GET", "/site/page.txt", tag)).status == 304

    packed = await ask(gateway.port, "GET", "/site/page.txt", [("accept-encoding", "gzip")])
    assert packed.get("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == TEXT


# needs: nginx
async def test_nginx_takes_uploads_of_both_framings():
    root = site()
    port = nginx(f"root {root}; location / {{ dav_methods PUT DELETE MKCOL MOVE; create_full_put_path on; }}")
    gateway = Gateway(route("/site", address(port) + "/docs"))
    sent = os.urandom(3 * MIB)
    assert (await ask(gateway.port, "PUT", "/site/new/a.bin", body=sent)).status == 201
    assert (root / "docs/new/a.bin").read_bytes() == sent
    wire = await Wire.connect(gateway.port)
    await wire.send(request("GET", "/site/b.bin", [("transfer-encoding", "chunked")]).replace(b"GET", b"PUT", 1))
    for start in range(0, len(sent), 70_000):
        piece = sent[start : start + 70_000]
        await wire.send(b"%x\r\n%b\r\n" % (len(piece), piece))
    await wire.send(b"0\r\n\r\n")
    answer = await wire.response()
    assert answer.status == 201
    # What was created is told by the address under the gateway's prefix, if at all.
    assert answer.get("location", "/site/b.bin").startswith("/site/")
    assert (root / "docs/b.bin").read_bytes() == sent
    assert (await ask(gateway.port, "DELETE", "/site/b.bin")).status == 204
    assert not (root / "docs/b.bin").exists()
    wire.close()


# needs: nginx
async def test_a_200_mib_download_needs_no_memory():
    root = site()
    block = os.urandom(MIB)
    digest = hashlib.sha256()
    with (root / "large.bin").open("wb") as file:
        for _ in range(200):
            file.write(block)
            digest.update(block)
    gateway = Gateway(route("/site", address(nginx(f"root {root}; sendfile on;"))))
    await ask(gateway.port, "GET", "/site/page.txt")
    before = gateway.forget_peak()
    found = hashlib.sha256()
    wire = await Wire.connect(gateway.port)
    await wire.send(request("GET", "/site/large.bin"))
    head = await wire.head()
    assert head.get("content-length") == str(200 * MIB)
    async for piece in wire.pieces(head):
        found.update(piece)
    wire.close()
    assert found.digest() == digest.digest()
    grown = gateway.memory("VmHWM") - before
    measured("growth during a download of 200 MiB, KiB", grown)
    assert grown < 8 * 1024, f"{grown} KiB"


# needs: nginx
async def test_nginx_behind_tls_asks_for_a_client_certificate():
    """The keys of `upstream_tls`: an authority of one's own, and who the gateway is."""
    tls = f"""
        ssl_certificate {CERTS}/server.pem; ssl_certificate_key {CERTS}/server.key;
        ssl_client_certificate {CERTS}/ca.pem; ssl_verify_client on;
        location / {{ return 200 "$ssl_client_s_dn $server_protocol"; }}"""
    port = nginx(tls, "ssl http2")
    own = {"ca": f"{CERTS}/ca.pem", "cert": f"{CERTS}/client.pem", "key": f"{CERTS}/client.key"}
    secure = address(port, "https")
    gateway = Gateway(
        route("/known", secure, upstream_tls=own)
        + route("/stranger", secure, upstream_tls={"ca": own["ca"]})
        + route("/misnamed", f"https://localhost.localdomain:{port}", upstream_tls=own)
        + route("/untrusting", secure)
    )
    known = await ask(gateway.port, "GET", "/known/x")
    assert (known.status, known.body) == (200, b"CN=client HTTP/2.0"), known.body
    # nginx answers one without a certificate by a 400 of its own.
    assert (await ask(gateway.port, "GET", "/stranger/x")).status == 400
    for path in ("/misnamed", "/untrusting"):
        refused = await ask(gateway.port, "GET", f"{path}/x")
        assert refused.status == 502, path
    assert "tls_certificate_error" in refused.get("proxy-status")
