"""What is asked of the operating system's network: listening, dialling, encryption, this machine's addresses."""
