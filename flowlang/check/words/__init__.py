"""The words of `check`: one file for each family, one class for each kind of finding, in the order of the codes."""
