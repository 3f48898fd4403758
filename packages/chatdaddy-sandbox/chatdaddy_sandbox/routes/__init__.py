"""The calls of the services, one module for each service. The OpenAPI description is complete."""
