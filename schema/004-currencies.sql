-- The currencies that everyone collects; any other is one call more.

SELECT add_currency('ETH');
SELECT add_currency('BTC');

INSERT INTO schema_version (file) VALUES ('004-currencies')
	ON CONFLICT DO NOTHING;
