"""HTTP plumbing that every application of the server shares: where it listens, and what surrounds its routes.

It holds the listening address, the uvicorn runner, limits on connections and bodies, security headers, the form of
error responses and the counting of requests. It knows no campaign, no person and no table; it uses `monitoring` and
the web framework only.
"""
