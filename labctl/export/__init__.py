"""A run for other programs: as netCDF or CSV, and as an object in Python and in a notebook."""
