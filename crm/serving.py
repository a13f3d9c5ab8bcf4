"""The production server: waitress, several forked processes on one listening socket.

Measured against its peers it alone kept answering with dozens of slow sockets open; it does not compress, so static files are
compressed when they are built.
"""

import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from types import FrameType

from flask import Flask
from waitress import create_server

from crm.kernel.db import db
from crm.kernel.values import initials

STOPS = (signal.SIGTERM, signal.SIGINT)
TOO_MANY = 8
WITHIN_SECONDS = 10.0
"""So many deaths within so many seconds are no accident: whoever started the server should hear of it."""


def serve(app: Flask, listening: socket.socket, *, processes: int = 2, threads: int = 4) -> None:
    """Serves on a listening socket until SIGTERM or SIGINT."""
    host, port = listening.getsockname()[:2]
    print(f"http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    with app.app_context():
        db.engine.dispose()  # no connection may cross the fork
    if processes <= 1:
        _run(app, listening, threads)
        return
    initials("外拓")  # loads the dictionary that the children then share
    children = {_child(app, listening, threads) for _ in range(processes)}
    _watch(app, listening, threads, children)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; SystemExit with one line when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise SystemExit(f"crm: cannot listen on {host}:{port}: {error.strerror}") from None
    listening.listen(1024)
    listening.setblocking(False)
    return listening


def _run(app: Flask, listening: socket.socket, threads: int) -> None:
    # Proxy headers are passed on: ProxyFix believes as many hops as CRM_PROXIES says, and none by default.
    server = create_server(
        app,
        sockets=[listening],
        threads=threads,
        connection_limit=1000,
        ident=None,
        clear_untrusted_proxy_headers=False,
    )
    server.run()


def _child(app: Flask, listening: socket.socket, threads: int) -> int:
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears the keyboard, and stops its children itself
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        _run(app, listening, threads)
        code = 0
    except SystemExit:
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _watch(app: Flask, listening: socket.socket, threads: int, children: set[int]) -> None:
    """Starts a fresh process for one that died, until told to stop. Processes that die as soon as they live end the server."""
    stopping = False
    failed = False
    deaths: deque[float] = deque(maxlen=TOO_MANY)

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while children:
        try:
            dead, _status = os.wait()
        except ChildProcessError:
            break
        children.discard(dead)
        if stopping:
            continue
        deaths.append(time.monotonic())
        if len(deaths) == TOO_MANY and deaths[-1] - deaths[0] < WITHIN_SECONDS:
            print("crm: the processes of the server die as soon as they start", file=sys.stderr, flush=True)
            stop(signal.SIGTERM, None)
            failed = True
            continue
        # A signal between the question and the birth would leave a child that nobody stops.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        children.add(_child(app, listening, threads))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    sys.exit(int(failed))


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
