"""The primer: what its pages need and nothing else does."""
