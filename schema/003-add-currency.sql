-- add_currency('SOL'): three tables for the options of a currency.
--
-- Quotes and books have no key and no default index: the ledger keeps them from
-- being loaded twice, and COPY runs at twice the speed.  Trades come again when
-- a hole is repaired: theirs is (instrument_name, trade_seq), to which
-- TimescaleDB wants the time added.  Names stand last: eight-byte columns
-- before them need no padding.

CREATE OR REPLACE FUNCTION describe_columns(relation regclass, comments text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	i int;
BEGIN
	FOR i IN 1 .. array_length(comments, 1) LOOP
		EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', relation,
		    comments[i][1], comments[i][2]);
	END LOOP;
END
$$;
COMMENT ON FUNCTION describe_columns(regclass, text[]) IS
	'Sets the COMMENTs of columns from pairs {column, comment}.';

-- On plain PostgreSQL a time range is found through a BRIN index, which costs
-- a COPY next to nothing; chunks do it on TimescaleDB.
CREATE OR REPLACE FUNCTION arrange_by_time(relation regclass, chunk interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	brin text;
BEGIN
	SELECT c.relname || '_timestamp_brin' INTO brin
	FROM pg_class c WHERE c.oid = relation;
	IF make_hypertable(relation, chunk) THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE INDEX IF NOT EXISTS %I ON %s USING brin ("timestamp")',
	    brin, relation);
END
$$;
COMMENT ON FUNCTION arrange_by_time(regclass, interval) IS
	'Makes a table a hypertable, or where it cannot be gives it a BRIN index on "timestamp".';

CREATE OR REPLACE FUNCTION add_option_quotes(currency text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := lower(currency) || '_option_quotes';
BEGIN
	EXECUTE format('CREATE TABLE IF NOT EXISTS %I (
		"timestamp" timestamptz NOT NULL,
		received_at timestamptz,
		best_bid_price float8,
		best_bid_amount float8,
		best_ask_price float8,
		best_ask_amount float8,
		instrument_name text NOT NULL)', name);
	EXECUTE format('COMMENT ON TABLE %I IS %L', name, format(
		'Best bid and offer of %s options, a row for each change. No key: the same values may rightly come twice.',
		upper(currency)));
	PERFORM describe_columns(format('%I', name)::regclass, ARRAY[
		['timestamp', 'Time of the quote, by the exchange''s clock.'],
		['received_at', 'When our machine read it: microseconds, strictly increasing within a stream.'],
		['best_bid_price', 'Best bid, in units of the price (the coin for inverse options, USDC for linear ones); null if there is no bid.'],
		['best_bid_amount', 'Amount at the best bid, in coins; null if there is no bid.'],
		['best_ask_price', 'Best offer, in units of the price; null if there is no offer.'],
		['best_ask_amount', 'Amount at the best offer, in coins; null if there is no offer.'],
		['instrument_name', 'Name of the option.']]);
	PERFORM arrange_by_time(format('%I', name)::regclass, '1 day');
	RETURN name;
END
$$;
COMMENT ON FUNCTION add_option_quotes(text) IS
	'Makes the quotes table of a currency''s options; part of add_currency.';

CREATE OR REPLACE FUNCTION add_option_trades(currency text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := lower(currency) || '_option_trades';
BEGIN
	EXECUTE format('CREATE TABLE IF NOT EXISTS %I (
		"timestamp" timestamptz NOT NULL,
		received_at timestamptz,
		trade_seq bigint NOT NULL,
		price float8 NOT NULL,
		amount float8 NOT NULL,
		contracts float8,
		iv float8,
		mark_price float8,
		index_price float8,
		starbase_match_id bigint,
		starbase_timestamp bigint,
		tick_direction smallint,
		block_trade_leg_count integer,
		block_rfq_id bigint,
		instrument_name text NOT NULL,
		trade_id text NOT NULL,
		direction text NOT NULL,
		liquidation text,
		block_trade_id text,
		combo_id text,
		combo_trade_id text,
		legs jsonb,
		PRIMARY KEY (instrument_name, trade_seq, "timestamp"))', name);
	EXECUTE format('COMMENT ON TABLE %I IS %L', name, format(
		'Trades of %s options. trade_seq is dense per instrument: a number that is missing is a trade that is missing.',
		upper(currency)));
	PERFORM describe_columns(format('%I', name)::regclass, ARRAY[
		['timestamp', 'Time of the trade, by the exchange''s clock.'],
		['received_at', 'When our machine read it.'],
		['trade_seq', 'Number of the trade within its instrument: from 1, step 1.'],
		['price', 'Price: the coin for inverse options, USDC for linear ones.'],
		['amount', 'Amount, in coins.'],
		['contracts', 'Amount in contracts; absent from old trades and combos.'],
		['iv', 'Implied volatility, in percent.'],
		['mark_price', 'Mark price at the time of the trade, in units of the price.'],
		['index_price', 'Index at the time of the trade, in USD or USDC.'],
		['starbase_match_id', 'The matching engine''s number of it; since July 2026.'],
		['starbase_timestamp', 'Time by the matching engine, nanoseconds since the epoch; since July 2026.'],
		['tick_direction', '0 plus tick, 1 zero-plus, 2 minus, 3 zero-minus.'],
		['block_trade_leg_count', 'Legs of the block trade it belongs to.'],
		['block_rfq_id', 'Request for quotes that the block trade came from.'],
		['instrument_name', 'Name of the option.'],
		['trade_id', 'The exchange''s identifier, unique per currency; not a number.'],
		['direction', 'buy or sell: the taker''s side.'],
		['liquidation', 'Who was liquidated: M maker, T taker, MT both. The exchange withholds it for an hour.'],
		['block_trade_id', 'Block trade it belongs to. Its price is not the book''s.'],
		['combo_id', 'Combo whose leg it is.'],
		['combo_trade_id', 'Trade of the combo whose leg it is.'],
		['legs', 'Trades of the legs, of a combo''s trade.']]);
	PERFORM arrange_by_time(format('%I', name)::regclass, '7 days');
	RETURN name;
END
$$;
COMMENT ON FUNCTION add_option_trades(text) IS
	'Makes the trades table of a currency''s options; part of add_currency.';

-- Arrays: a row a level takes four times the space.
CREATE OR REPLACE FUNCTION add_option_orderbook_depth(currency text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	name text := lower(currency) || '_option_orderbook_depth';
BEGIN
	EXECUTE format('CREATE TABLE IF NOT EXISTS %I (
		"timestamp" timestamptz NOT NULL,
		received_at timestamptz,
		change_id bigint,
		bids float8[] NOT NULL,
		asks float8[] NOT NULL,
		instrument_name text NOT NULL)', name);
	EXECUTE format('COMMENT ON TABLE %I IS %L', name, format(
		'Order books of %s options, a row for each snapshot of up to 20 levels a side.',
		upper(currency)));
	PERFORM describe_columns(format('%I', name)::regclass, ARRAY[
		['timestamp', 'Time of the book''s last change, by the exchange''s clock.'],
		['received_at', 'When our machine read it.'],
		['change_id', 'The exchange''s number of the book''s state; jumps, since many instruments share the counter.'],
		['bids', 'Levels {price, amount}, best first: bids[1][1] is the best price, bids[1][2] its amount in coins. Empty if there is no bid.'],
		['asks', 'Levels {price, amount}, best first; empty if there is no offer.'],
		['instrument_name', 'Name of the option.']]);
	PERFORM arrange_by_time(format('%I', name)::regclass, '1 day');
	RETURN name;
END
$$;
COMMENT ON FUNCTION add_option_orderbook_depth(text) IS
	'Makes the order-book table of a currency''s options; part of add_currency.';

CREATE OR REPLACE FUNCTION add_currency(currency text)
RETURNS SETOF text LANGUAGE plpgsql SET client_min_messages = warning AS $$
BEGIN
	IF currency IS NULL OR currency !~ '^[A-Za-z0-9]{1,24}$' THEN
		RAISE EXCEPTION '% is no currency: one to 24 letters and digits, the base currency, such as SOL',
		    quote_nullable(currency) USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('deribit-tools schema'));
	RETURN NEXT add_option_quotes(currency);
	RETURN NEXT add_option_trades(currency);
	RETURN NEXT add_option_orderbook_depth(currency);
END
$$;
COMMENT ON FUNCTION add_currency(text) IS
	'Makes the tables of a currency''s options and returns their names: SELECT add_currency(''SOL''). Calling it again does no harm.';

INSERT INTO schema_version (file) VALUES ('003-add-currency')
	ON CONFLICT DO NOTHING;
