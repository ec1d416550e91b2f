"""What an answer that is no page tells a browser: it lets nothing in, stands in no frame, tells nobody its address."""

from typing import Final

NO_PAGE: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
