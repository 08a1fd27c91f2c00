"""Where the results of folds lie."""
