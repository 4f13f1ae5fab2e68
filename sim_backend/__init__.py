"""The twin: die, wiring, panels and the clock they live by."""
