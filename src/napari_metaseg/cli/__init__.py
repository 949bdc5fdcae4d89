"""The command line `metaseg`: one file per command, the same requests as the widgets."""
