"""
Serve Ralph's LRS on loopback; run by the Python of Ralph's own environment.

Prints the port once it listens, and serves until it is stopped.
"""

from __future__ import annotations

import socket

import uvicorn
from ralph.backends.data.base import BaseOperationType
from ralph.backends.lrs.fs import FSLRSBackend

# As it comes, the file backend creates its file for each request, and so fails from the second on.
FSLRSBackend.default_operation_type = BaseOperationType.APPEND

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config("ralph.api:app", log_level="warning")).run(sockets=[listener])
