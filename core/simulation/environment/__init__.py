"""What every party lives in: virtual time, a network, disks, and randomness that a seed decides."""
