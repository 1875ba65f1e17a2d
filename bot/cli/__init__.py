"""What the machine's command line offers; each command requires only the settings it uses."""
