"""The open client `netoapi` in a process of its own: one call a line in, one answer a line out.

It is GPL: this file is run as a program and imported by nothing. Its environment has nothing of the project.
"""

import json
import sys

import netoapi  # type: ignore[import-untyped]

if __name__ == "__main__":
    client = netoapi.NetoAPIClient(*sys.argv[1:4])
    for line in sys.stdin:
        action, payload = json.loads(line)
        print(json.dumps(client.execute_api_call(action, payload)), flush=True)  # noqa: T201
