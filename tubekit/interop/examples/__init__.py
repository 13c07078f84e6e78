"""Short programs that the book shows and the tests run."""

from tubekit._extras import extra

with extra("train", __name__):
    import monai as monai  # they begin with it, and are shown as they are
