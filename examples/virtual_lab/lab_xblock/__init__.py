"""A virtual laboratory. What an XBlock of this kind does is not shown; what it emits is."""
