"""The meaning of a log: folds, their stored results, and what is read from them. Disposable."""
