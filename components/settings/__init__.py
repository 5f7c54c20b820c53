"""The settings of a stack: a section a module, each checked at the edge."""
