"""The parts of `eventkit.filters`."""
