"""How it grows."""


def main(python: str, *, quick: bool) -> str:
    return ""
