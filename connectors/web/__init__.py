"""The HTTP client and its limits: robots.txt, throttling, address checks, sizes."""
