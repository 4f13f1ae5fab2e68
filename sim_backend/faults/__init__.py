"""Faults of links, instruments, cells and disks, as a plan scripts them or draws them from a seed."""
