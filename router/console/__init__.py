"""The sensor owner's side: an HTTP API with a bearer token, and a page that uses it.

`app` puts the Litestar application together, `devices_api` and `network_api` are its handlers, `views` turns
stored values into JSON (keys never), `access` checks the token; `static/` is the page: plain JavaScript,
works offline. May import the rest of ``router``; decides nothing about frames.
"""
