"""The life of accounts, by the rules of the ChatDaddy guide: plain values in and out, no Pulumi."""
