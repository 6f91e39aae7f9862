"""What the long proofs need of the examples of this project; `make soak` runs it."""
