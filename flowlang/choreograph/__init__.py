"""No centre: the kernel is projected to one table for each service, and each service runs from its own."""
