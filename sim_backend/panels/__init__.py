"""Front panels: each answers the bytes of one instrument."""
