"""A package, so that none of this name that others install is taken for it."""
