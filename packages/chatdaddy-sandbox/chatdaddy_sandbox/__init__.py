"""An emulated ChatDaddy on this machine: its four services over HTTP, with the guide's rules.

It is written from the API's documentation only, and shares no code with our client, so a mistake in
one of them is not repeated in the other. `chatdaddy_sandbox.app.create_app` creates it in the
process of a test. `chatdaddy_sandbox.server.serve` serves it over HTTP.
"""
