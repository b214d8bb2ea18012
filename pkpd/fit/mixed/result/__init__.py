"""What a fit knows: estimates, uncertainty, subjects, residuals, files."""
