"""What takes a study apart: its doses and intervals cut it into profiles, its names and units label what was found."""
