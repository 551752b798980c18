"""Dialect ``standard``: what rows say, made into the documents of each protocol."""
