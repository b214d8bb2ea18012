"""Response of tumours: RECIST assessments, best overall response, rates, agreement of reviewers, duration."""
