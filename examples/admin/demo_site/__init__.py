"""The demo site: `settings` and `urls`, who is on it (`world`), and what happens (`traffic`)."""
