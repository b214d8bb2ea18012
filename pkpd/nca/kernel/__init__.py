"""What computes: profiles as flat arrays, the rules applied to them, and every parameter of all of them at once."""
