"""Services and doors: the command line, workers, and `bootstrap`, which joins the parts."""
