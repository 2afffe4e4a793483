"""What every room stands on: the database, refusals, time, jobs, events, steps and the audit trail."""
