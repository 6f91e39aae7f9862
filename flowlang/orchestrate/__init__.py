"""One durable centre interprets the kernel."""
