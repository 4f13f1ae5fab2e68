"""Models of memristor cells behind one interface: physics only, vectorised over any array of cells."""
