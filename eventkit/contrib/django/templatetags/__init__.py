"""How templates of the app write things: begin with `eventkit_pages`."""
