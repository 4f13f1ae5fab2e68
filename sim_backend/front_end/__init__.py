"""What stands between a line and a number: converters, amplifiers and their errors; physics only."""
