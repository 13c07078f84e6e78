"""Compiled inner loops. Each has a plain counterpart that the tests compare it with."""
