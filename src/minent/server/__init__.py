"""A saved classifier over HTTP: answers for programs, and a page for people.

    minent serve model/                          # http://127.0.0.1:8765

    curl -s localhost:8765/predict -H 'content-type: application/json' -d '{"texts": ["so good"], "top_k": 3}'

Requests that arrive together are answered in one batch, sizes and times are bounded, a model folder that is replaced is
taken over without a restart, and nothing is fetched from anywhere: the page, its script and the description of the API
come from here. It needs the extra: `pip install 'minent[serve]'`.
"""

from minent.server.limits import Limits
from minent.server.run import create_app, serve

__all__ = ["Limits", "create_app", "serve"]
