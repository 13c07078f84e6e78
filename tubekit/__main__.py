"""``python -m tubekit``."""

from tubekit.cli import main

main()
