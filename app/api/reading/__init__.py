"""What is read and shown for one viewer, whoever asks: a route, a page, an export. Knows no request and no answer."""
