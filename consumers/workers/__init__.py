"""Long-running work over a log."""
