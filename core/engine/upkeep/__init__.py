"""What keeps a server well for months: room on the disk, memory, descriptors, and the means to see what goes on."""
