"""`make soak`: the long proofs, and what they need of the examples of this project."""
