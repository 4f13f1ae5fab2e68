"""Kirchhoff's laws of a crossbar: cells, wire segments, drivers and readers; physics only."""
