"""What a run was and came to: a page with figures for people who were not there, and the same as text."""
