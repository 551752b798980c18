"""
Dialect ``standard``: what rows say, made into the documents of each protocol.

A module for each protocol; what documents share (id, actor, time, course) is added here.
"""
