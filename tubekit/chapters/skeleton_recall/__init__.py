"""Chapter 01, Skeleton Recall."""
