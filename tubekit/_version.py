"""The version, as the installed distribution says it."""

from importlib.metadata import PackageNotFoundError, version

from tubekit._extras import DISTRIBUTION

try:
    __version__ = version(DISTRIBUTION)
except PackageNotFoundError:  # a checkout that is on the path without being installed
    __version__ = "0+checkout"
