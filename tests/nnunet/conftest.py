"""These tests run in an environment of their own: ``make nnunet``."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("nnunetv2") else ["test_*.py"]
