"""Runs the program that the configuration names."""

import importlib

import pulumi

importlib.import_module(f"programs.{pulumi.Config().require('program')}")
