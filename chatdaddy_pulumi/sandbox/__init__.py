"""Try and test with no account and no network: an emulated API and a stand-in engine."""
