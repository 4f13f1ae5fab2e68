"""Drivers: each file speaks the language of one instrument family."""
