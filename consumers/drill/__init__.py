"""The drill: every attack of the threat model on a clone of a log, and who detects it."""
