"""
Check statements with Ralph's strict model; run by the Python of Ralph's own environment.

Reads one statement per line, and prints one line for each that the model refuses: its number, and
where and why.
"""

from __future__ import annotations

import json
import sys

from pydantic import ValidationError
from ralph.models.xapi.base.statements import BaseXapiStatement

for number, line in enumerate(sys.stdin):
    try:
        BaseXapiStatement(**json.loads(line))
    except ValidationError as error:
        found = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        ]
        print(json.dumps([number, found]))
