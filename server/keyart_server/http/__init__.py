"""HTTP infrastructure that all applications of the server share: where they listen, and what surrounds their routes.

It holds the listening address, the uvicorn runner, limits on connections and bodies, security headers, the form of
error responses and the metrics of requests. It knows no campaign, no account and no table; it uses `monitoring` and
the web framework only.
"""
