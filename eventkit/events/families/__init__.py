"""
The families of events: a module for each, with its rows in a table `EVENTS`.

A family that needs more than a page has its helpers beside it (`problem_checks`,
`implicit_pages`).
"""
