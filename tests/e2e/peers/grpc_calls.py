"""gRPC through the gateway: `grpcio` on both sides, HTTP/2 all the way."""

import asyncio
import contextlib

import grpc

from kit import Gateway, address, route, tls, CERTS

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
CLIENT = [*UNLIMITED, ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]


class Service(grpc.GenericRpcHandler):
    """Four methods over plain bytes, so that no stub has to be generated."""

    def __init__(self):
        self.started, self.cancelled = asyncio.Event(), asyncio.Event()

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]
        return {
            "Reverse": grpc.unary_unary_rpc_method_handler(self.reverse),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
        }.get(name)

    async def reverse(self, request, context):
        sent = dict(context.invocation_metadata())
        await context.send_initial_metadata((("x-initial", sent.get("x-a", "")),))
        context.set_trailing_metadata((("x-trailing", "2"), ("x-blob-bin", b"\0\xff")))
        if request == b"fail":
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now: \u00e9 %")
        if request == b"slow":
            self.started.set()
            try:
                await asyncio.sleep(60)
            finally:
                self.cancelled.set()
        return request[::-1]

    async def count(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number
        if request == b"3":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "three is enough")

    async def sum(self, requests, context):
        return b"%d" % sum([int(request) async for request in requests])

    async def chat(self, requests, context):
        async for request in requests:
            yield b"<" + request + b">"


@contextlib.asynccontextmanager
async def through(secure=False):
    """A service, the gateway before it, and a channel to that; gives the channel and the service."""
    server, service = grpc.aio.server(options=UNLIMITED), Service()
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    gateway = Gateway(route("/", address(port, "h2c")), top=tls() if secure else "")
    if secure:
        roots = (CERTS / "ca.pem").read_bytes()
        options = [*CLIENT, ("grpc.ssl_target_name_override", "localhost")]
        credentials = grpc.ssl_channel_credentials(roots)
        channel = grpc.aio.secure_channel(f"127.0.0.1:{gateway.port}", credentials, options)
    else:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}", CLIENT)
    try:
        yield channel, service
    finally:
        await channel.close()
        await server.stop(None)


async def status_of(call):
    """The error that a call ends in."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("no error")


# needs: venv
async def test_unary_with_metadata_both_ways():
    for secure in (False, True):
        async with through(secure) as (channel, _):
            call = channel.unary_unary("/t.T/Reverse")(b"hello", metadata=(("x-a", "1"),), timeout=10)
            assert await call == b"olleh"
            assert dict(await call.initial_metadata())["x-initial"] == "1"
            trailing = dict(await call.trailing_metadata())
            assert (trailing["x-trailing"], trailing["x-blob-bin"]) == ("2", b"\0\xff")
            large = bytes(range(256)) * (1 << 15)
            assert await channel.unary_unary("/t.T/Reverse")(large, timeout=30) == large[::-1]


# needs: venv
async def test_both_streamings():
    async with through() as (channel, _):
        counted = [m async for m in channel.unary_stream("/t.T/Count")(b"500", timeout=10)]
        assert counted == [b"%d" % number for number in range(500)]

        async def numbers():
            for number in range(500):
                yield b"%d" % number

        assert await channel.stream_unary("/t.T/Sum")(numbers(), timeout=10) == b"124750"


# needs: venv
async def test_bidirectional_calls_are_interleaved():
    async with through() as (channel, _):

        async def chat(name):
            call = channel.stream_stream("/t.T/Chat")(timeout=20)
            for turn in range(20):
                await call.write(b"%d %d" % (name, turn))
                assert await call.read() == b"<%d %d>" % (name, turn)
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF

        await asyncio.gather(*(chat(name) for name in range(150)))


# needs: venv
async def test_errors_are_in_the_trailers():
    async with through() as (channel, _):
        failed = await status_of(channel.unary_unary("/t.T/Reverse")(b"fail", timeout=10))
        assert failed.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert failed.details() == "not now: \u00e9 %"
        assert dict(failed.trailing_metadata())["x-blob-bin"] == b"\0\xff"
        # Trailers alone, without a body.
        unknown = await status_of(channel.unary_unary("/t.T/Nothing")(b"", timeout=10))
        assert unknown.code() is grpc.StatusCode.UNIMPLEMENTED
        # After messages.
        call, got = channel.unary_stream("/t.T/Count")(b"3", timeout=10), []
        try:
            async for message in call:
                got.append(message)
            raise AssertionError("no error")
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.OUT_OF_RANGE
        assert got == [b"0", b"1", b"2"]


# needs: venv
async def test_cancellation_and_deadlines_reach_the_service():
    async with through() as (channel, service):
        for end in ("cancel", "deadline"):
            service.started.clear()
            service.cancelled.clear()
            limit = 0.5 if end == "deadline" else 30
            call = channel.unary_unary("/t.T/Reverse")(b"slow", timeout=limit)
            await asyncio.wait_for(service.started.wait(), 5)
            if end == "cancel":
                call.cancel()
            else:
                late = await status_of(call)
                assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await asyncio.wait_for(service.cancelled.wait(), 5)
        assert await channel.unary_unary("/t.T/Reverse")(b"on", timeout=10) == b"no"


# needs: venv
async def test_a_service_that_is_gone_is_unavailable():
    """What a gRPC client makes of a 502 (gRPC over HTTP/2, "HTTP2 Transport Mapping")."""
    gateway = Gateway(route("/", "h2c://127.0.0.1:1"))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}", CLIENT) as channel:
        gone = await status_of(channel.unary_unary("/t.T/Reverse")(b"x", timeout=10))
        assert gone.code() is grpc.StatusCode.UNAVAILABLE
