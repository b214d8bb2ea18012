"""What exposure has to do with response: logistic, ordinal and Emax models, and what a trial could have seen."""
