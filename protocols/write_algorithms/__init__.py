"""Ways to bring one cell to a level by pulses and reads, behind one interface; pure arithmetic, no instrument."""
