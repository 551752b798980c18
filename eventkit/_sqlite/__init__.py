"""The parts of `eventkit.sqlite_store`."""
