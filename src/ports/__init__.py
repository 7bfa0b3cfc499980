"""What the hexagon needs, one Protocol a file, named for the need."""
