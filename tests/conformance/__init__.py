"""Tests of the emulated ChatDaddy with code of others."""
