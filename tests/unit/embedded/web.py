"""A Maven repository on this machine that breaks off, forgets ranges and answers wrongly when told to."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Repository:
    """What it has, what it does wrong next, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)  # bytes of each next answer after which it hangs up
    statuses: list[int] = field(default_factory=list)  # of the next answers, before it answers properly
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def asked(self, path: str) -> list[str | None]:
        """The Range headers of the requests for a path."""
        return [wanted for name, wanted in self.requests if name.endswith(path)]


@contextmanager
def serving() -> Iterator[Repository]:
    """A repository that answers until the end of the block."""
    repository = Repository()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            repository.requests.append((self.path, wanted))
            content = repository.files.get(self.path)
            if repository.statuses:
                self.send_error(repository.statuses.pop(0))
                return
            if content is None:
                self.send_error(404)
                return
            asked = re.fullmatch(r"bytes=(\d+)-", wanted) if wanted and repository.ranges else None
            begin = int(asked[1]) if asked else 0
            if begin >= len(content) and begin:
                self.send_error(416)
                return
            body = content[begin:]
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: repository.break_after.pop(0)] if repository.break_after else body)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    repository.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield repository
    finally:
        server.shutdown()
        server.server_close()
