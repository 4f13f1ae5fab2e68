"""The twin against what is known of the device: one row a figure, with its target and its verdict."""
