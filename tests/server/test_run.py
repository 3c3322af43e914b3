"""The server as a process: it says where it is, answers, and stops when told to."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from minent.errors import InputError
from minent.server import serve


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


def test_an_address_that_is_taken_is_named(model_folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port} cannot be listened on"):
            serve(model_folder, port=port)
    with pytest.raises(InputError, match="cannot be listened on"):
        serve(model_folder, port=99_999)
