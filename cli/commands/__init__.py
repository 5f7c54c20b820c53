"""The commands' options. Light on purpose: what does the work is imported when a command runs, not for `--help`."""
