"""`curl` in front, by every version of HTTP that it speaks, and `h2load`."""

import asyncio
import hashlib
import os
import subprocess

from kit import CERTS, FOLDER, Gateway, address, route, tls
from wire import Upstream, chunk, reply

MIB = 1 << 20
PLAIN = ["--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge"]


def curl(*args, status=200):
    """Runs it; gives what it printed of the body."""
    wrote = FOLDER / "curl.out"
    command = ["curl", "--silent", "--show-error", "--max-time", "30", "--output", wrote]
    command += ["--write-out", "%{http_code} %{http_version}", *args]
    done = subprocess.run([str(arg) for arg in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{args}: {done.stderr}"
    assert done.stdout.split()[0] == str(status), f"{args}: {done.stdout}"
    return done.stdout.split()[1], wrote.read_bytes()


async def echo(wire, request):
    """Sends back what comes, as it comes, in the framing that it came in."""
    if request.get("expect"):
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = request.get("content-length")
    framing = f"content-length: {length}" if length else "transfer-encoding: chunked"
    digest = hashlib.sha256()
    await wire.send(f"HTTP/1.1 200 OK\r\nx-method: {request.method}\r\n{framing}\r\n\r\n".encode())
    async for piece in wire.pieces(request):
        digest.update(piece)
        await wire.send(piece if length else chunk(piece))
    if not length:
        await wire.send(b"0\r\n\r\n")
    request.digest = digest.hexdigest()


def through(*args, status=200):
    """`curl` beside a loop that serves it."""
    return asyncio.to_thread(curl, *args, status=status)


def a_file(size):
    path = FOLDER / f"{size}.bin"
    path.write_bytes(os.urandom(size))
    return path


# needs: curl
async def test_every_version_gets_and_posts():
    small, large = a_file(1000), a_file(3 * MIB)
    async with Upstream(echo) as upstream:
        config = route("/api", address(upstream.port) + "/base")
        plain, secure = Gateway(config), Gateway(config, top=tls())
        ca = ["--cacert", CERTS / "ca.pem"]
        spoken = set()
        # `--http2` without TLS asks for an upgrade to h2c, which a server may ignore.
        for gateway, versions in ((plain, PLAIN), (secure, ["--http1.1", "--http2"])):
            for version in versions:
                url = f"{gateway.origin}/api/x?a=%2F"
                got, body = await through(version, *ca, url)
                assert body == b"", version
                spoken.add((gateway is secure, got))
                for file in (small, large):
                    _, body = await through(version, *ca, "--data-binary", f"@{file}", url)
                    assert body == file.read_bytes(), f"{version} {file}"
                    _, body = await through(version, *ca, "--upload-file", file, url)
                    assert body == file.read_bytes(), f"{version} {file}"
                assert upstream.seen[-1].target == "/base/x?a=%2F"
                assert upstream.seen[-1].method == "PUT"
        assert spoken == {
            *((False, version) for version in ("1", "1.1", "2")),
            *((True, version) for version in ("1.1", "2")),
        }, spoken


# needs: curl
async def test_a_head_and_several_requests_on_one_connection():
    async with Upstream(echo) as upstream:
        gateway = Gateway(route("/api", address(upstream.port)), top=tls())
        ca = ["--cacert", CERTS / "ca.pem"]
        for version in ("--http1.1", "--http2"):
            urls = [f"{gateway.origin}/api/{n}" for n in range(20)]
            await through(version, *ca, "--head", urls[0])
            before = len(upstream.seen)
            await through(version, *ca, *urls, *["--output", "/dev/null"] * 19)
            assert len(upstream.seen) == before + 20


# needs: curl
async def test_uploads_that_wait_for_100_continue():
    large = a_file(2 * MIB)
    async with Upstream(echo) as upstream:
        gateway = Gateway(route("/api", address(upstream.port)))
        url = f"{gateway.origin}/api/x"
        waits = ["--header", "Expect: 100-continue", "--expect100-timeout", "20"]
        for version in PLAIN[1:2] + PLAIN[3:]:
            _, body = await through(version, *waits, "--upload-file", large, url)
            assert body == large.read_bytes(), version
            assert upstream.seen[-1].get("expect") == "100-continue", version

        async def refuse(wire, request):
            await wire.send(reply(b"no", "403 Forbidden"))
            return False

        upstream.answer = refuse
        _, body = await through("--http1.1", *waits, "--upload-file", large, url, status=403)
        assert body == b"no"


# needs: curl
async def test_an_upload_of_unknown_length():
    """`-T -`: chunked in HTTP/1.1, plain frames in HTTP/2."""
    large = a_file(3 * MIB)
    async with Upstream(echo) as upstream:
        gateway = Gateway(route("/api", address(upstream.port)))
        for version in PLAIN[1:2] + PLAIN[3:]:
            command = f"cat {large} | curl -sS {version} --max-time 30 -T - {gateway.origin}/api/x"
            done = await asyncio.to_thread(
                subprocess.run, ["sh", "-c", command], capture_output=True
            )
            assert done.stdout == large.read_bytes(), f"{version}: {done.stderr}"
            assert upstream.seen[-1].get("transfer-encoding") == "chunked"


# needs: h2load
async def test_h2load_has_no_failed_request():
    async def answer(wire, request):
        await wire.send(reply(b"x" * 100))

    async with Upstream(answer) as upstream:
        config = route("/api", address(upstream.port))
        plain, secure = Gateway(config), Gateway(config, top=tls())
        for origin, protocol in ((plain.origin, ["--h1"]), (plain.origin, []), (secure.origin, [])):
            command = ["h2load", "-n", "3000", "-c", "8", "-m", "16", *protocol, f"{origin}/api/x"]
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=True
            )
            assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
            assert "status codes: 3000 2xx" in done.stdout, done.stdout
