"""What is published of the Ru-azo film, beyond its levels (`labctl/levels.py`)."""

CONDUCTION_VOLTAGE = 0.343826
"""V0 (V) of the film's current, I ~ sinh(V / V0) (published compact model, 2026)."""
