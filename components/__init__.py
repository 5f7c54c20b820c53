"""The Pulumi components that make up an Echorator stack: one file, one component."""
