"""An emulated ChatDaddy on this machine: its four services over HTTP, with the guide's rules.

It is written from the documentation of the API alone and shares no code with our client, so that
the two never agree by construction. `chatdaddy_sandbox.app.create_app` makes it for a test's own
process, `chatdaddy_sandbox.server.serve` listens.
"""
