"""`make serve`: the built book on this machine's own address."""

import functools
import http.server
import webbrowser

from tubekit.bookbuild.layout import BuildError, Layout


def serve(layout: Layout, port: int = 8000, *, browser: bool = True) -> None:
    """Serve the site on 127.0.0.1 until interrupted.

    Raises:
        BuildError: the book has not been built.
    """
    if not (layout.html / "index.html").is_file():
        raise BuildError(f"expected a built book in {layout.html}, found none; run `make book`")
    address = f"http://127.0.0.1:{port}"
    with server(layout, port) as running:
        print(f"serving {layout.html} at {address}, stop with Ctrl-C")
        if browser:
            webbrowser.open(address)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()


def server(layout: Layout, port: int) -> http.server.ThreadingHTTPServer:
    """A server for the site; port 0 takes any free one."""
    handler = functools.partial(_Quiet, directory=str(layout.html))
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing about each request."""
