"""converter: stands for a codec; what comes out depends on what goes in and on nothing else."""

import hashlib

from flowlang import Failure, operation


@operation("converter.convert")
def convert(image, format):
    if not image.endswith((".png", ".tif")):
        raise Failure("NotAnImage", image)
    return {"content": hashlib.sha256(f"{format}:{image}".encode()).hexdigest()}
