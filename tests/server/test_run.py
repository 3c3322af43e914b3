"""The server as a process: it says where it is, answers, and stops when told to."""

from __future__ import annotations

import asyncio
import http.client
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from minent.errors import InputError, MissingExtraError
from minent.server import run, serve


def test_it_answers_and_stops_cleanly(model_folder):
    command = [sys.executable, "-c", "from minent.cli import main; main()", "serve", str(model_folder), "--port", "0"]
    process = subprocess.Popen([*command, "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", process.stdout.readline()).group()
        request = urllib.request.Request(
            f"{address}/predict", b'{"texts": ["reef"]}', {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert b'"sea"' in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


SLOW = """
import sys, time
from minent import TextClassifier
from minent.cli import main
fast = TextClassifier.predict_proba
TextClassifier.predict_proba = lambda self, texts: (print("begun", flush=True), time.sleep(1), fast(self, texts))[2]
main(["serve", sys.argv[1], "--port", "0", "--quiet"])
"""


def test_a_request_that_is_being_answered_is_finished_before_it_stops(model_folder):
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(model_folder)], stdout=subprocess.PIPE, text=True)
    try:
        place = re.search(r"http://([^:]+):(\d+)", process.stdout.readline())
        connection = http.client.HTTPConnection(place[1], int(place[2]), timeout=30)
        connection.request("POST", "/predict", b'{"texts": ["reef"]}', {"content-type": "application/json"})
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert b'"sea"' in connection.getresponse().read()
        connection.close()
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra_the_cure_is_named(model_folder, monkeypatch, missing):
    for name in [name for name in sys.modules if name.partition(".")[0] == missing or name == "minent.server.app"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "minent.server.metrics", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r"is not installed. Run: pip install 'minent\[serve\]'"):
        serve(model_folder, port=0)


def test_an_address_that_is_taken_is_named(model_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be listened on"):
            serve(model_folder, port=port)
    with pytest.raises(InputError, match="cannot be listened on"):
        serve(model_folder, port=99_999)
    with pytest.raises(InputError, match="cannot be listened on"):
        serve(model_folder, host="a" * 70)


def test_small_answers_are_sent_at_once():
    """Else Nagle's algorithm keeps the second half of each answer back until the client has confirmed the first."""

    async def delayed() -> int:
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda reader, writer: accepted.set_result(writer), sock=run._listening("127.0.0.1", 0)
        )
        async with server:
            _, client = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer = await accepted
            option = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            writer.close()
            client.close()
        return int(option)

    assert asyncio.run(delayed()) != 0
