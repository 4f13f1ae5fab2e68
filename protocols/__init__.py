"""Protocols: each file declares one experiment, or computes what several of them share."""
