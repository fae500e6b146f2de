"""The command line: files, progress, exit codes. The only room that prints."""
