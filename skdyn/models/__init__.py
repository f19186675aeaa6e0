"""From a name to a model that answers: registry, files, scaling, inference."""
