"""Noises of a die, each keyed by (seed, kind, cell, how-manieth): any order of events gives the same numbers."""
