"""The twin served to other programs: every instrument of a bench on TCP and on a pseudo-terminal."""
