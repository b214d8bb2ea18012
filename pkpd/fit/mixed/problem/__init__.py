"""What a population fit is: data, shifts, values, what each row adds."""
