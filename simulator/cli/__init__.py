"""The command line, one command a file. What is heavy is imported in a command's body: `--help` answers at once."""
