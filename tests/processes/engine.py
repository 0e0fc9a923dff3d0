"""A tiny engine for tests of what all engines have in common: listens on a port, and does as it is told on stop."""

import signal
import socket
import sys
import time

port, manner = int(sys.argv[1]), sys.argv[2]
if manner == "dies":
    print("[12:00] ERROR the tiny engine has no fuel (Tank)\n\tat Tank.open(Tank.java:1)", flush=True)
    sys.exit(3)
if manner == "never":
    time.sleep(600)
signal.signal(signal.SIGTERM, signal.SIG_IGN if manner == "stubborn" else lambda *_: sys.exit(0))
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen()
    print("listening", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"hello")
