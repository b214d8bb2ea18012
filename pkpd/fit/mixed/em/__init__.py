"""Methods that draw: SAEM, and EM by importance sampling."""
