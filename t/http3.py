# An HTTP/3 client that does what no good client does, for t/public.t:
#
#     http3.py PORT TOKEN PATH LENGTH WHAT
#
# It sends the headers of a POST with a body of LENGTH bytes, and half of the
# body; with LENGTH 0, a GET.  It says "sent", reads a line from its input, and
# does WHAT:
#
#     reset   resets its half of the stream
#     stop    resets it, and wants no answer
#     end     ends the body early
#     close   closes the connection
#     gone    sends nothing more
#
# It says what comes then: "STATUS BODY", "reset", or "nothing" of a connection
# that it has closed itself.

import asyncio
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, StreamReset


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.status = ""
        self.body = b""
        self.answer = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        if isinstance(event, (StreamReset, ConnectionTerminated)):
            self.finish("reset")

        for one in self.http.handle_event(event):
            if isinstance(one, HeadersReceived):
                self.status = dict(one.headers)[b":status"].decode()
            elif isinstance(one, DataReceived):
                self.body += one.data

            if getattr(one, "stream_ended", False):
                self.finish(self.status + " " + self.body.decode()[:1000])

    def finish(self, text):
        if not self.answer.done():
            self.answer.set_result(text)


async def run(port, token, path, length, what):
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, is_client=True, verify_mode=0,
        server_name="localhost",
        # little of a list fits into the window of a stream
        max_stream_data=20000)

    async with connect("127.0.0.1", port, configuration=configuration,
                       create_protocol=Client) as client:
        quic = client._quic
        stream = quic.get_next_available_stream_id()
        headers = [(b":method", b"POST" if length else b"GET"),
                   (b":scheme", b"https"), (b":authority", b"localhost"),
                   (b":path", path.encode()),
                   (b"authorization", b"Bearer " + token.encode())]

        if length:
            headers += [(b"content-type", b"application/json"),
                        (b"content-length", str(length).encode())]

        client.http.send_headers(stream, headers, end_stream=not length)

        if length:
            client.http.send_data(stream, b"[" * (length // 2), False)

        client.transmit()
        print("sent", flush=True)
        await asyncio.get_running_loop().run_in_executor(
            None, sys.stdin.readline)

        # an answer that comes before the body has made aioquic reset its half
        try:
            if what in ("reset", "stop") and length:
                quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
            if what == "end":
                client.http.send_data(stream, b"", True)
        except AssertionError:
            pass

        if what == "stop":
            quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        if what == "close":
            client.close()

        client.transmit()
        print("nothing" if what in ("close", "gone") else
              await asyncio.wait_for(client.answer, 30), flush=True)


asyncio.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]),
                sys.argv[5]))
