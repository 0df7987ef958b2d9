-- The first epoch of a database that has shown nothing yet is numbered by the clock, in milliseconds,
-- as all others are: who has seen the database that stood here before sees that this is another one.
UPDATE epochs SET epoch = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
WHERE NOT EXISTS (SELECT FROM scope_versions);
