"""One shell call: its simple commands and their keys, how it ended, which files it touched."""
