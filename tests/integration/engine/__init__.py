"""The stand-in engine, beside the real one where `pulumi` is on PATH."""
