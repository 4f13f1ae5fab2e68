"""What one lab adds to labctl: a source-measure unit, the panel that answers it in the twin, and a protocol."""
