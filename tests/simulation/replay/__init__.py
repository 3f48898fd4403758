"""The same history in the simulation and with real processes: both must end alike."""
