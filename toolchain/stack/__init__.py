"""The dev stack's local files and the environment in which ``pulumi`` runs by hand and by command."""
