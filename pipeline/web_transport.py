"""Runs httpx over a pool of httpcore's that connects through a network backend of ours."""

import ssl
from collections.abc import AsyncIterator
from functools import cache

import certifi
import httpcore
import httpx


@cache
def ssl_context() -> ssl.SSLContext:
    """A TLS context that trusts the certificate authorities of browsers."""
    return ssl.create_default_context(cafile=certifi.where())


class _Stream(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class Transport(httpx.AsyncBaseTransport):
    """A transport of httpx that connects through the given backend; it speaks HTTP/2 where the server does.

    A connection that is not used is closed after `keep` seconds.
    """

    def __init__(
        self, backend: httpcore.AsyncNetworkBackend, certificates: ssl.SSLContext, *, keep: float = 15
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            network_backend=backend,
            http1=True,
            http2=True,
            max_connections=200,
            max_keepalive_connections=40,
            keepalive_expiry=keep,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx says."""
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Stream(response), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """As httpx says."""
        await self._pool.aclose()
