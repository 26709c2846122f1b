"""What both servers share.

Each reads one line of JSON on stdin, so that the run's key is in no file that stays. When it listens it
prints one line, {"issuer": "https://127.0.0.1:..."}. It ends when stdin does: so it goes away with its
parent, also where that one is killed.
"""

import json
import ssl
import sys
import tempfile
import threading


def told():
    """What this run is told."""
    return json.loads(sys.stdin.readline())


def ends_with_it(end):
    """Has `end` called when the parent has gone, or wants this to end."""

    def wait():
        sys.stdin.read()
        end()

    threading.Thread(target=wait, daemon=True).start()


def context(setup):
    """What the run's authority has signed, for TLS."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # nothing but a file can be loaded
    with tempfile.NamedTemporaryFile("w", suffix=".pem", dir=setup["folder"]) as file:
        file.write(setup["key"] + setup["certificate"])
        file.flush()
        tls.load_cert_chain(file.name)
    return tls


def ready(issuer):
    """Says that it listens."""
    print(json.dumps({"issuer": issuer}), flush=True)
