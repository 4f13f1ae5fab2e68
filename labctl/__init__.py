"""labctl: instrument control for analog memristor crossbars, on a bench or on its twin."""
