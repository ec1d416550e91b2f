"""Signing in at an OpenID provider: what is asked of it, what is believed of its tokens. Knows no page, no database.

The words are those of OpenID Connect Core 1.0; access tokens are as RFC 9068 has them.
"""
