"""One module for each command: it parses nothing and computes nothing, it calls and prints."""
