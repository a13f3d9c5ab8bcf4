"""A hostile way to the server: what networks, captive portals and gateways do to requests, by the dice of a seed.

It speaks as little HTTP as it needs: one request a connection, whose length is known. All waits have a limit.
"""

import gzip
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable

LIMIT = 20.0
"""Seconds of any wait on a socket."""
PORTAL = b"<html><body>Welcome to the hotel. Accept our terms to go online.</body></html>"
GATEWAY = b"<html><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"
NO_SERVER = b"<html><body><h1>502 Bad Gateway</h1>the server is away</body></html>"


def answer(status: str, body: bytes, kind: str = "text/html", *more: str) -> bytes:
    """The bytes of an HTTP answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Proxy:
    """Listens on a port of its own and passes on to `target`, if it feels like it. `calm` lets everything through."""

    def __init__(self, target: int, *, seed: int, calm: float = 0.55) -> None:
        self.target, self.calm = target, calm
        self.draw, self.lock = random.Random(seed), threading.Lock()
        self.done: Counter[str] = Counter()
        self.last = b""
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self.listening.getsockname()[1])
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Listens no more."""
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(LIMIT)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        caller.settimeout(LIMIT)
        with self.lock:
            names = sorted(WAYS)
            way = "through" if self.draw.random() < self.calm else self.draw.choice(names)
            share = self.draw.random()
        self.done[way] += 1
        try:
            told = b"" if way == "refuse" else WAYS[way](self, caller, share)
            if told:
                caller.sendall(told)
                caller.close()
                return
        except OSError:
            pass
        # A connection that is reset, as when a lift closes.
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()

    def passed_on(self, request: bytes) -> bytes:
        """What the server answers; a gateway's page when there is no server."""
        try:
            with socket.create_connection(("127.0.0.1", self.target), LIMIT) as server:
                server.settimeout(LIMIT)
                server.sendall(request)
                told = _everything(server)
        except OSError:
            told = b""
        if told and b" /m/api/sync " in request[:100]:
            self.last = told
        return told or answer("502 Bad Gateway", NO_SERVER)


def _everything(server: socket.socket) -> bytes:
    parts = []
    while part := server.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _request(caller: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        content += (part := caller.recv(65536))
        if not part:
            raise OSError
    head, _, body = content.partition(b"\r\n\r\n")
    fields = (line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    length = next((int(field[1]) for field in fields if field[0] == b"content-length"), 0)
    while len(body) < length:
        body += (part := caller.recv(65536))
        if not part:
            raise OSError
    return head + b"\r\n\r\n" + body


def _through(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    return proxy.passed_on(_request(caller))


def _late(proxy: Proxy, caller: socket.socket, share: float) -> bytes:
    request = _request(caller)
    time.sleep(share * 0.3)
    return proxy.passed_on(request)


def _cut(proxy: Proxy, caller: socket.socket, share: float) -> bytes:
    """The request breaks off in the middle."""
    request = _request(caller)
    with socket.create_connection(("127.0.0.1", proxy.target), LIMIT) as server:
        server.sendall(request[: int(len(request) * share)])
    return b""


def _lose(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    """The server has done it, and nobody hears of it."""
    proxy.passed_on(_request(caller))
    return b""


def _twice(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    request = _request(caller)
    proxy.passed_on(request)
    return proxy.passed_on(request)


def _side_by_side(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    """The same request on two connections at once."""
    request = _request(caller)
    other = threading.Thread(target=proxy.passed_on, args=(request,))
    other.start()
    told = proxy.passed_on(request)
    other.join(LIMIT)
    return told


def _portal(_proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    _request(caller)
    return answer("200 OK", PORTAL)


def _portal_json(_proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    _request(caller)
    return answer("200 OK", b'{"ok": true, "results": []}', "application/json")


def _gateway(proxy: Proxy, caller: socket.socket, share: float) -> bytes:
    """A gateway that lost its patience: half the time after the server has done it."""
    request = _request(caller)
    if share < 0.5:
        proxy.passed_on(request)
    return answer("502 Bad Gateway", GATEWAY)


def _half(proxy: Proxy, caller: socket.socket, share: float) -> bytes:
    """The answer's JSON breaks off, and its length is said to be right."""
    told = proxy.passed_on(_request(caller))
    _, _, body = told.partition(b"\r\n\r\n")
    return answer("200 OK", body[: int(len(body) * share)], "application/json")


def _torn(proxy: Proxy, caller: socket.socket, share: float) -> bytes:
    """The answer's bytes break off."""
    told = proxy.passed_on(_request(caller))
    return told[: int(len(told) * share)]


def _garbled(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    """What calls itself gzip and is none."""
    told = proxy.passed_on(_request(caller))
    body = gzip.compress(told)[:-8][::-1]
    return answer("200 OK", body, "application/json", "Content-Encoding: gzip")


def _stale(proxy: Proxy, caller: socket.socket, _share: float) -> bytes:
    """A cache that answers with what another phone was told."""
    request = _request(caller)
    return proxy.last or proxy.passed_on(request)


WAYS: dict[str, Callable[[Proxy, socket.socket, float], bytes]] = {
    "cut": _cut,
    "garbled": _garbled,
    "gateway": _gateway,
    "half": _half,
    "late": _late,
    "lose": _lose,
    "portal": _portal,
    "portal json": _portal_json,
    "refuse": _lose,  # never called: the connection is reset before a byte is read
    "side by side": _side_by_side,
    "stale": _stale,
    "through": _through,
    "torn": _torn,
    "twice": _twice,
}
