"""What a change means, as the ChatDaddy guide has it; plain values in and out, no Pulumi."""
