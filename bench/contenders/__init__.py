"""The engines that are compared. Each is a process of its own, which imports nothing of ours but `contender`."""
