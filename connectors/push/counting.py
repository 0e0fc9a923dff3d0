"""Counts the answers of the push endpoint, by the class of their status."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import metrics


class Counting:
    """ASGI middleware; it passes bodies on as they come, so it holds no more of them than the application does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.PUSHES.labels(status=metrics.status_class(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted)
