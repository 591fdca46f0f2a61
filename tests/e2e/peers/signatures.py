"""AWS Signature V4: made by botocore for the upstream's own address, verified behind the gateway."""

import hashlib
import hmac

from botocore.auth import S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from kit import Gateway, address, route
from wire import Upstream, ask, reply

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "eu-west-1"

# What API paths and queries are made of; each is signed and sent as it stands here.
TARGETS = [
    "/items",
    "/items/",
    "/items?b=2&a=1&a=0",
    "/items/a%20b%2Fc?q=%2B%20&empty=&x=~",
    "/caf%C3%A9/%E2%82%AC",
    "/a/;v=1/(x)!*'",
    "/%7Euser/a=b,c;d:e@f",
]


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(request, signed, scope, when, query, payload):
    """RFC-less, so by AWS's own text: canonical request, string to sign, derived key, HMAC."""
    path, _, _ = request.target.partition("?")
    if scope[2] != "s3":
        # Every other service signs the path encoded once more.
        path = "".join(c if c.isalnum() or c in "-._~/" else f"%{ord(c):02X}" for c in path)
    fields = "".join(f"{name}:{','.join(request.all(name))}\n" for name in signed)
    canonical = "\n".join(
        [request.method, path, "&".join(sorted(query)), fields, ";".join(signed), payload]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", when, "/".join(scope), digest])
    key = f"AWS4{SECRET}".encode()
    for part in scope:
        key = hmac_of(key, part)
    return hmac_of(key, text).hex()


async def verify(wire, request):
    """Answers 200 to a request whose signature is right, in the header or in the query, else 403."""
    await wire.read(request)
    query = [pair for pair in request.target.partition("?")[2].split("&") if pair]
    query = [pair if "=" in pair else pair + "=" for pair in query]
    if authorization := request.get("authorization"):
        parts = dict(p.strip().split("=", 1) for p in authorization.split(" ", 1)[1].split(","))
        scope = parts["Credential"].split("/")[1:]
        signed, given = parts["SignedHeaders"].split(";"), parts["Signature"]
        when, payload = request.get("x-amz-date"), hashlib.sha256(request.body).hexdigest()
    else:
        asked = dict(pair.split("=", 1) for pair in query)
        given = asked.get("X-Amz-Signature", "")
        scope = asked.get("X-Amz-Credential", "").split("%2F")[1:]
        signed, when = asked.get("X-Amz-SignedHeaders", "").split("%3B"), asked.get("X-Amz-Date", "")
        query = [pair for pair in query if not pair.startswith("X-Amz-Signature=")]
        payload = "UNSIGNED-PAYLOAD" if scope[2:3] == ["s3"] else hashlib.sha256(b"").hexdigest()
    right = hmac.compare_digest(signature(request, signed, scope, when, query, payload), given)
    await wire.send(reply(status="200 OK" if right else "403 Forbidden"))


def sign(how, method, upstream, target, body=b"", service="execute-api"):
    """A request for the upstream as botocore signs it: what goes after the host, and the fields."""
    made = AWSRequest(method, address(upstream) + target, data=body)
    how(Credentials(KEY, SECRET), service, REGION).add_auth(made)
    made = made.prepare()
    return made.url.removeprefix(address(upstream)), list(made.headers.items())


async def signed_through(base, keep_prefix, public):
    """Signs each target for the upstream and sends it to the gateway at its public path."""
    async with Upstream(verify) as upstream:
        gateway = Gateway(route("/api", address(upstream.port) + base, keep_prefix=keep_prefix))
        seen_from = base + ("/api" if keep_prefix else "")
        for target in TARGETS:
            for method, body in (("GET", b""), ("PUT", b'{"a": 1}'), ("DELETE", b"")):
                path, fields = sign(SigV4Auth, method, upstream.port, seen_from + target, body)
                sent = public + path.removeprefix(seen_from)
                fields = [(n, v) for n, v in fields if n.lower() != "content-length"]
                answer = await ask(gateway.port, method, sent, fields, body)
                assert answer.status == 200, f"{method} {sent}: {upstream.seen[-1].first}"
            path, _ = sign(SigV4QueryAuth, "GET", upstream.port, seen_from + target)
            sent = public + path.removeprefix(seen_from)
            assert (await ask(gateway.port, "GET", sent)).status == 200, sent
            # The verifier verifies: one other byte anywhere is refused.
            assert (await ask(gateway.port, "GET", sent.replace("/", "/x", 2))).status != 200
            assert (await ask(gateway.port, "GET", sent + "&x=1")).status == 403, sent


# needs: venv
async def test_a_stripped_prefix_leaves_signatures_valid():
    await signed_through("/prod", False, "/api")


# needs: venv
async def test_a_kept_prefix_is_signed_with_the_stage_before_it():
    await signed_through("/prod", True, "/api")


# needs: venv
async def test_an_api_at_its_own_domain_has_no_stage():
    """Two routes for the gateway's own domain and the custom one: the same, with an empty base."""
    await signed_through("", False, "/api")


# needs: venv
async def test_a_signature_for_the_public_address_is_refused():
    """Who signs for the address in the browser's bar signs for the wrong host."""
    async with Upstream(verify) as upstream:
        gateway = Gateway(route("/api", address(upstream.port) + "/prod"))
        made = AWSRequest("GET", f"{gateway.origin}/api/items")
        SigV4Auth(Credentials(KEY, SECRET), "execute-api", REGION).add_auth(made)
        answer = await ask(gateway.port, "GET", "/api/items", made.headers.items())
        assert answer.status == 403
        assert upstream.seen[-1].get("host") == f"127.0.0.1:{upstream.port}"


# needs: venv
async def test_signed_urls_of_objects_arrive_byte_for_byte():
    """S3 signs the path as it is, so that nothing may be normalised: slashes, dots in names, `+`."""
    async with Upstream(verify) as upstream:
        gateway = Gateway(route("/files", address(upstream.port)))
        for key in [*TARGETS, "/bucket//a///b", "/bucket/a+b%2B%20c", "/bucket/.a/..b/c..", "/bucket/%25"]:
            for method in ("GET", "HEAD", "PUT"):
                path, _ = sign(S3SigV4QueryAuth, method, upstream.port, key, service="s3")
                body = b"x" * 1000 if method == "PUT" else b""
                answer = await ask(gateway.port, method, "/files" + path, body=body)
                assert answer.status == 200, f"{method} {path}: {upstream.seen[-1].first}"
                assert upstream.seen[-1].target == path
