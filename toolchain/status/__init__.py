"""What runs, where, what is wrong with it and what to do: the parts of ``make status``."""
