"""A bucket (s3rver) behind `/files`: signed URLs, ranges, and the one-domain setup with an API."""

import hashlib
import os

import boto3
from botocore.config import Config

from kit import FOLDER, Gateway, Process, address, free_port, route, wait_for_port
from wire import Upstream, ask, read_and_reply, reply

KEY = "reports/a b/caf\u00e9+100%&=.txt"
BODY = b"0123456789" * 1000


class Bucket:
    """s3rver with one object in it.

    It verifies the signatures of URLs signed by version 2, and of both versions that a request carries
    one and not two; that signatures of version 4 arrive unharmed is shown in `signatures.py`.
    """

    def __init__(self):
        self.port = free_port()
        s3rver = ["node", os.environ["S3RVER"], "--silent", "--directory", FOLDER / "s3"]
        where = ["--address", "127.0.0.1", "--port", self.port, "--configure-bucket", "bucket"]
        Process(*s3rver, *where)
        wait_for_port(self.port)
        self.client("s3v4").put_object(Bucket="bucket", Key=KEY, Body=BODY)

    def client(self, version, **options):
        config = Config(
            signature_version=version,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": 0},
        )
        credentials = {"aws_access_key_id": "S3RVER", "aws_secret_access_key": "S3RVER"}
        where = {"endpoint_url": address(self.port), "region_name": "eu-west-1"}
        return boto3.client("s3", config=config, **credentials, **where, **options)

    def signed(self, version, call="get_object", **parameters):
        """What follows the bucket's address in a signed URL."""
        parameters = {"Bucket": "bucket", "Key": KEY, **parameters}
        url = self.client(version).generate_presigned_url(call, Params=parameters)
        return url.removeprefix(address(self.port))

    def behind(self, prefix="/files", **keys):
        keys = {"remove_request_headers": ["authorization", "cookie"], **keys}
        return route(prefix, address(self.port), **keys)


def etag(body):
    return f'"{hashlib.md5(body).hexdigest()}"'


# needs: venv, npm
async def test_signed_urls_work_under_the_prefix():
    bucket = Bucket()
    gateway = Gateway(bucket.behind())
    for version in ("s3", "s3v4"):
        path = "/files" + bucket.signed(version)
        answer = await ask(gateway.port, "GET", path)
        assert (answer.status, answer.body) == (200, BODY), answer.body
        assert answer.get("etag") == etag(BODY)
        part = await ask(gateway.port, "GET", path, [("range", "bytes=95-104")])
        assert (part.status, part.body) == (206, b"5678901234")
        assert part.get("content-range") == f"bytes 95-104/{len(BODY)}"
        none = await ask(gateway.port, "GET", path, [("range", f"bytes={len(BODY)}-")])
        assert none.status == 416
        same = await ask(gateway.port, "GET", path, [("if-none-match", etag(BODY))])
        assert (same.status, same.body) == (304, b"")
        head = await ask(gateway.port, "HEAD", "/files" + bucket.signed(version, "head_object"))
        assert (head.status, head.get("content-length")) == (200, str(len(BODY)))

        put = "/files" + bucket.signed(version, "put_object", Key=f"new/{version}")
        sent = os.urandom(1 << 20)
        assert (await ask(gateway.port, "PUT", put, body=sent)).status == 200
        stored = bucket.client("s3v4").get_object(Bucket="bucket", Key=f"new/{version}")
        assert stored["Body"].read() == sent


# needs: venv, npm
async def test_a_wrong_signature_is_the_buckets_403():
    bucket = Bucket()
    gateway = Gateway(bucket.behind())
    path = "/files" + bucket.signed("s3")
    signature = path.partition("Signature=")[2].partition("&")[0]
    forged = "A" * 27 + "%3D"
    assert signature != forged
    answer = await ask(gateway.port, "GET", path.replace(signature, forged))
    assert answer.status == 403 and b"SignatureDoesNotMatch" in answer.body
    assert (await ask(gateway.port, "GET", path.replace("a%20b", "a%20c"))).status == 403


# needs: venv, npm
async def test_a_page_s_credentials_do_not_reach_the_bucket():
    """S3 refuses a signed URL that comes with an `Authorization`, which pages send to their origin."""
    bucket = Bucket()
    config = bucket.behind() + bucket.behind("/plain", remove_request_headers=[])
    gateway = Gateway(config)
    page = [("authorization", "Bearer x"), ("cookie", "session=1")]
    signed = bucket.signed("s3v4")
    assert (await ask(gateway.port, "GET", "/files" + signed, page)).status == 200
    assert (await ask(gateway.port, "GET", "/plain" + signed, page)).status == 400
    async with Upstream(read_and_reply) as upstream:
        gateway = Gateway(
            route("/files", address(upstream.port), remove_request_headers=["authorization", "cookie"])
        )
        await ask(gateway.port, "GET", "/files/x", [*page, ("cookie", "b=2"), ("x-kept", "1")])
        [seen] = upstream.seen
        assert not seen.all("authorization") and not seen.all("cookie")
        assert seen.all("x-kept") == ["1"]


# needs: venv, npm
async def test_a_redirect_to_the_bucket_comes_back_under_its_prefix():
    """The one-domain setup: the API answers 303 with a signed URL of the bucket's own address."""
    bucket = Bucket()
    signed = bucket.signed("s3")

    async def redirect(wire, request):
        await wire.read(request)
        where = [("location", address(bucket.port) + signed), ("cache-control", "no-store")]
        await wire.send(reply(b"", "303 See Other", where))

    async with Upstream(redirect) as api:
        gateway = Gateway(route("/api", address(api.port) + "/prod") + bucket.behind())
        answer = await ask(gateway.port, "GET", "/api/download", [("authorization", "Bearer x")])
        assert answer.status == 303
        assert answer.get("location") == "/files" + signed
        # The browser follows with what it sent before.
        followed = await ask(
            gateway.port, "GET", answer.get("location"), [("authorization", "Bearer x")]
        )
        assert (followed.status, followed.body) == (200, BODY)


# needs: venv, npm
async def test_boto3_itself_through_the_gateway():
    """An unchanged S3 client that signs for the bucket and whose requests take the way through."""
    bucket = Bucket()
    gateway = Gateway(bucket.behind(remove_request_headers=[]))

    def through(request, **_):
        request.url = request.url.replace(address(bucket.port), gateway.origin + "/files")

    client = bucket.client("s3v4")
    client.meta.events.register("before-send.s3", through)
    large = os.urandom(9 << 20)
    where = {"Bucket": "bucket", "Key": "large"}
    where["UploadId"] = client.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, part in enumerate((large[: 5 << 20], large[5 << 20 :]), 1):
        done = client.upload_part(PartNumber=number, Body=part, **where)
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **where)
    assert client.get_object(Bucket="bucket", Key="large")["Body"].read() == large
    client.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/large")
    listed = client.list_objects_v2(Bucket="bucket", Prefix="reports/a b/")["Contents"]
    assert [one["Key"] for one in listed] == [KEY]
    client.delete_object(Bucket="bucket", Key="copy")
    assert client.list_objects_v2(Bucket="bucket", Prefix="copy")["KeyCount"] == 0
