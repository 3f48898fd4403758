"""ChatDaddy over HTTP: async, typed, and without Pulumi."""
