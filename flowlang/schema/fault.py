"""The one exception of this folder."""


class SchemaError(Exception):
    """The schema cannot be used: it is broken, goes in circles, or no example can be made from it. The text says why."""
