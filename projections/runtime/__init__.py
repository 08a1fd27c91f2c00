"""Running folds over a log: catching up and rebuilding."""
