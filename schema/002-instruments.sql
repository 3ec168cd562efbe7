-- The instruments, and what was not collected.  Columns bear the names of the
-- exchange's members; deribit-ndjson(5) describes the records.

CREATE TABLE IF NOT EXISTS instruments (
	instrument_name text PRIMARY KEY,
	kind text,
	currency text,
	received_at timestamptz,
	"timestamp" timestamptz,
	instrument_id bigint,
	instrument_type text,
	future_type text,
	state text,
	is_active boolean,
	base_currency text,
	quote_currency text,
	counter_currency text,
	settlement_currency text,
	settlement_period text,
	price_index text,
	option_type text,
	strike float8,
	creation_timestamp timestamptz,
	expiration_timestamp timestamptz,
	tick_size float8,
	tick_size_steps jsonb,
	contract_size float8,
	min_trade_amount float8,
	lot_size float8,
	maker_commission float8,
	taker_commission float8,
	block_trade_commission float8,
	block_trade_min_trade_amount float8,
	block_trade_tick_size float8,
	max_leverage float8,
	max_liquidation_commission float8,
	max_non_default_leverage float8,
	underlying_type text,
	product_group text,
	index_id bigint,
	base_currency_uuid text,
	quote_currency_uuid text,
	rfq boolean
);
COMMENT ON TABLE instruments IS
	'Every instrument as public/get_instruments described it last.';
COMMENT ON COLUMN instruments.instrument_name IS
	'Name, for instance ETH-25DEC26-4000-C.';
COMMENT ON COLUMN instruments.kind IS
	'option, future, perpetual, spot, option_combo or future_combo.';
COMMENT ON COLUMN instruments.currency IS
	'Base currency, upper case: SOL of SOL_USDC-PERPETUAL.';
COMMENT ON COLUMN instruments.received_at IS
	'When our machine read it.';
COMMENT ON COLUMN instruments."timestamp" IS
	'When the exchange announced it; absent from lists.';
COMMENT ON COLUMN instruments.instrument_id IS
	'The exchange''s number of it.';
COMMENT ON COLUMN instruments.instrument_type IS
	'reversed (inverse: premium and settlement in the coin) or linear.';
COMMENT ON COLUMN instruments.future_type IS
	'The former name of instrument_type; futures only.';
COMMENT ON COLUMN instruments.state IS
	'open, settlement, delivered, inactive, locked, halted or archivized; older: created, started, closed, settled, terminated.';
COMMENT ON COLUMN instruments.is_active IS 'Whether it can be traded.';
COMMENT ON COLUMN instruments.base_currency IS 'Base currency.';
COMMENT ON COLUMN instruments.quote_currency IS
	'Currency of the price: the coin itself for inverse options, USD for inverse futures, USDC for linear ones.';
COMMENT ON COLUMN instruments.counter_currency IS
	'Counter currency: USD of inverse instruments, USDC of linear ones.';
COMMENT ON COLUMN instruments.settlement_currency IS
	'Currency of profit and loss; none for spot.';
COMMENT ON COLUMN instruments.settlement_period IS
	'day, week, month (also of quarterlies) or perpetual; none for spot.';
COMMENT ON COLUMN instruments.price_index IS
	'Index that settles it, for instance eth_usd.';
COMMENT ON COLUMN instruments.option_type IS 'call or put; options only.';
COMMENT ON COLUMN instruments.strike IS
	'Strike in counter currency; options only.';
COMMENT ON COLUMN instruments.creation_timestamp IS 'When it was listed.';
COMMENT ON COLUMN instruments.expiration_timestamp IS
	'When it expires; the year 3000 for perpetuals.';
COMMENT ON COLUMN instruments.tick_size IS
	'Smallest step of the price, in units of the price.';
COMMENT ON COLUMN instruments.tick_size_steps IS
	'Wider steps above a price: an array of {above_price, tick_size}.';
COMMENT ON COLUMN instruments.contract_size IS
	'One contract, in units of amount. Amounts are not to be multiplied by it.';
COMMENT ON COLUMN instruments.min_trade_amount IS
	'Smallest order, in units of amount.';
COMMENT ON COLUMN instruments.lot_size IS
	'Undocumented by the exchange; kept as sent, unit unknown.';
COMMENT ON COLUMN instruments.maker_commission IS
	'Fee of the maker, a fraction (0.0003 is 0.03 percent).';
COMMENT ON COLUMN instruments.taker_commission IS
	'Fee of the taker, a fraction.';
COMMENT ON COLUMN instruments.block_trade_commission IS
	'Fee of block trades, a fraction.';
COMMENT ON COLUMN instruments.block_trade_min_trade_amount IS
	'Smallest block trade, in units of amount.';
COMMENT ON COLUMN instruments.block_trade_tick_size IS
	'Smallest step of the price of block trades, in units of the price.';
COMMENT ON COLUMN instruments.max_leverage IS
	'Highest leverage, a factor; futures only.';
COMMENT ON COLUMN instruments.max_liquidation_commission IS
	'Highest fee of a liquidation, a fraction; futures only.';
COMMENT ON COLUMN instruments.max_non_default_leverage IS
	'Highest leverage that is not the default, a factor; futures only.';
COMMENT ON COLUMN instruments.underlying_type IS
	'crypto, equity, equity_etf, commodity, crypto_index or preipo; since June 2026.';
COMMENT ON COLUMN instruments.product_group IS
	'Undocumented by the exchange; kept as sent.';
COMMENT ON COLUMN instruments.index_id IS
	'Undocumented by the exchange; kept as sent.';
COMMENT ON COLUMN instruments.base_currency_uuid IS
	'Undocumented by the exchange; kept as sent.';
COMMENT ON COLUMN instruments.quote_currency_uuid IS
	'Undocumented by the exchange; kept as sent.';
COMMENT ON COLUMN instruments.rfq IS
	'Whether quotes could be requested; in old data.';

CREATE TABLE IF NOT EXISTS collection_gaps (
	channel text,
	instrument_name text,
	kind text,
	currency text,
	"from" timestamptz NOT NULL,
	"to" timestamptz,
	from_seq bigint,
	to_seq bigint,
	reason text NOT NULL,
	dropped bigint,
	repaired boolean NOT NULL DEFAULT false,
	received_at timestamptz,
	-- One loss can name many instruments, one sequence hole follow another in
	-- the same millisecond; a gap loaded twice is one row.
	CONSTRAINT collection_gaps_key UNIQUE NULLS NOT DISTINCT
		(channel, instrument_name, "from", reason, from_seq)
);
COMMENT ON TABLE collection_gaps IS
	'The holes: what was sent by the exchange, or may have been, and is not in the tables.';
COMMENT ON COLUMN collection_gaps.channel IS
	'Channel whose messages are missing.';
COMMENT ON COLUMN collection_gaps.instrument_name IS
	'Instrument; none for a channel of many instruments.';
COMMENT ON COLUMN collection_gaps.kind IS
	'Kind of instrument; none where it concerns more than one.';
COMMENT ON COLUMN collection_gaps.currency IS
	'Base currency, upper case; none where it concerns more than one.';
COMMENT ON COLUMN collection_gaps."from" IS
	'When the last byte before the hole was heard, by our clock.';
COMMENT ON COLUMN collection_gaps."to" IS
	'When the channel''s data flowed again, by our clock.';
COMMENT ON COLUMN collection_gaps.from_seq IS
	'First trade_seq that is missing, where known.';
COMMENT ON COLUMN collection_gaps.to_seq IS
	'Last trade_seq that is missing, where known.';
COMMENT ON COLUMN collection_gaps.reason IS
	'disconnect, stall, sequence (a trade_seq was skipped) or overflow (our reader was too slow).';
COMMENT ON COLUMN collection_gaps.dropped IS
	'Records lost to an overflow.';
COMMENT ON COLUMN collection_gaps.repaired IS
	'Whether what was missing has been fetched.';
COMMENT ON COLUMN collection_gaps.received_at IS
	'When the collector reported the hole.';

INSERT INTO schema_version (file) VALUES ('002-instruments')
	ON CONFLICT DO NOTHING;
