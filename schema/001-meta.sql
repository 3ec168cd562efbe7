-- What the tools need of the database themselves, and TimescaleDB where it is
-- there.  Every file: one transaction, repeatable, and a row of schema_version.

CREATE TABLE IF NOT EXISTS schema_version (
	file text PRIMARY KEY,
	applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_version IS
	'The files of the schema that have been applied.';
COMMENT ON COLUMN schema_version.file IS 'Name of the file.';
COMMENT ON COLUMN schema_version.applied_at IS 'When it was applied first.';

CREATE TABLE IF NOT EXISTS tsdb_ledger (
	source text PRIMARY KEY,
	position bigint NOT NULL,
	lines bigint NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE tsdb_ledger IS
	'How far tsdb-load has committed each of its inputs: written in the transaction of the rows themselves, so that nothing is lost or doubled when a connection breaks in COMMIT.';
COMMENT ON COLUMN tsdb_ledger.source IS
	'The input: stdin: and a random number for a pipe.';
COMMENT ON COLUMN tsdb_ledger.position IS
	'Bytes of the input that are committed.';
COMMENT ON COLUMN tsdb_ledger.lines IS
	'Lines of the input that are committed.';
COMMENT ON COLUMN tsdb_ledger.updated_at IS
	'When the last batch was committed.';

-- Installed but not preloaded, its every function fails; so both are asked.
-- It is never a reason to stop: plain PostgreSQL does.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
		RETURN;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_available_extensions
	    WHERE name = 'timescaledb') THEN
		RETURN;
	END IF;
	IF coalesce(current_setting('shared_preload_libraries', true), '')
	    !~ '\mtimescaledb\M' THEN
		RAISE WARNING 'TimescaleDB is installed but not in shared_preload_libraries; the tables are plain ones';
		RETURN;
	END IF;
	CREATE EXTENSION timescaledb;
EXCEPTION WHEN OTHERS THEN
	RAISE WARNING 'no TimescaleDB: %; the tables are plain ones', SQLERRM;
END
$$;

CREATE OR REPLACE FUNCTION make_hypertable(relation regclass, chunk interval,
    migrate boolean DEFAULT false)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	filled boolean;
	home text;
BEGIN
	SELECT quote_ident(n.nspname) INTO home
	FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'timescaledb';
	IF home IS NULL THEN
		RETURN false;
	END IF;
	IF EXISTS (SELECT FROM timescaledb_information.hypertables h
	    WHERE format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
		= relation) THEN
		RETURN true;
	END IF;
	EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO filled;
	IF filled AND NOT migrate THEN
		RAISE WARNING '% holds rows and stays a plain table; to move them (it locks the table): SELECT make_hypertable(%, %, true)',
		    relation, quote_literal(relation::text), quote_literal(chunk);
		RETURN false;
	END IF;
	-- No default index: COPY runs at half the speed with one.
	EXECUTE format('SELECT %s.create_hypertable($1, ''timestamp''::name,
		chunk_time_interval => $2, create_default_indexes => false,
		migrate_data => $3)', home) USING relation, chunk, migrate;
	RETURN true;
END
$$;
COMMENT ON FUNCTION make_hypertable(regclass, interval, boolean) IS
	'Makes a table with a column "timestamp" a hypertable whose chunks span the interval; false where there is no TimescaleDB, or the table holds rows and migrate is not set.';

INSERT INTO schema_version (file) VALUES ('001-meta') ON CONFLICT DO NOTHING;
