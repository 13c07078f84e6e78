"""Bridges to other frameworks; nothing else in the library knows them."""
