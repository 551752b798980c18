"""What a page costs: the questions that it asks the database, and the time."""

from __future__ import annotations

import time

from admin_site import roles


def visit(role: str, address: str, data=None) -> tuple[int, list[str], float]:
    """
    Look at a page as *role*, or post *data* to it.

    Returns:
        The status, the questions, and the time in seconds, until the last byte.
    """
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    if role != roles.ANONYMOUS:
        client.force_login(roles.user(role))
    with CaptureQueriesContext(connection) as captured:
        started = time.perf_counter()
        response = client.get(address) if data is None else client.post(address, data)
        for _ in response.streaming_content if response.streaming else ():
            pass
        took = time.perf_counter() - started
    return response.status_code, [each["sql"] for each in captured.captured_queries], took
