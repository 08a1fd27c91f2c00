"""Pure folds: (state, entry) to state."""
