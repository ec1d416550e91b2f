"""Postgres: tables, the functions that change state, tenant-scoped reads, encrypted columns."""
