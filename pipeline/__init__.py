"""WhoSaid: reads the world's news and keeps who said what, to whom, when and where."""

from importlib.metadata import version

__version__ = version("whosaid")
