"""The HTTP API's routes, one file a topic. Each takes the node from the application's state (`asking`) and
answers in the shapes of `chain/api.py` and `chain/api_history.py`. Mounted by `chain/node/http_api.py`.
"""
