"""The HTTP server of the search service and of the push endpoint: uvicorn, with limits for its clients."""
