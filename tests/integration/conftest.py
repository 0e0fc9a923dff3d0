"""What these tests ask of tests/engines.py, whose fixtures all tests share."""

from tests.engines import embedded_settings, free_ports

__all__ = ["embedded_settings", "free_ports"]
