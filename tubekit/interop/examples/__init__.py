"""Short programs that the book shows and the tests run."""
