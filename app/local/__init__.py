"""The whole service on one machine: embedded Postgres and Valkey, and the launcher of our own processes."""
