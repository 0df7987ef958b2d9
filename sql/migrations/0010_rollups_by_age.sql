-- Minutes past their horizon are deleted by age, and the auditor adds up the stores of a minute or
-- a day. With all columns of the key, so that a fold's look-up is as good by these as by the key: a
-- planner that knows the tables as empty takes either.
CREATE INDEX rollup_minutes_by_age ON rollup_minutes (minute, scope, currency, version);
CREATE INDEX rollup_days_by_age ON rollup_days (day, scope, currency, version);
