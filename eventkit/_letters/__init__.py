"""The parts of `eventkit.dead_letters`."""
