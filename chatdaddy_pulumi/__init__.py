"""ChatDaddy accounts as Pulumi resources."""
