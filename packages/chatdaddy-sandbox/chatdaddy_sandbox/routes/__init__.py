"""The services' calls, one module a service; each call is described well enough to be generated."""
