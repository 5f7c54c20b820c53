"""The command line `echorator`: models, servers and their state, with the stack's configuration as the only truth."""
