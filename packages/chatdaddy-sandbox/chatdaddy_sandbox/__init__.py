"""An emulated ChatDaddy on this machine: its four services over HTTP, with the guide's rules.

It is written only from the documentation of the API, and shares no code with our client. So a
mistake in one of them is not repeated in the other. `chatdaddy_sandbox.app.create_app` makes it for
a test's own process, `chatdaddy_sandbox.server.serve` listens.
"""
