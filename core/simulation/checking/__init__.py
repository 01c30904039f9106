"""What has to hold, and how it is found out."""
