# public/get_funding_rate_history, row by row -> one `funding` record.
# https://docs.deribit.com/api-reference/market-data/public-get_funding_rate_history
#
# Input: {instrument_name, from, to, row}.  Kept is what bears a time within
# [from, to); either may be null.

. as $in
| .row
| select(($in.from == null or .timestamp >= $in.from)
    and ($in.to == null or .timestamp < $in.to))
| {instrument_name: $in.instrument_name}
  + del(.type, .kind, .currency, .received_at, .instrument_name)
