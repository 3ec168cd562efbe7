# public/get_last_trades_by_instrument and its kin, row by row -> one `trade`
# record.
# https://docs.deribit.com/api-reference/market-data/public-get_last_trades_by_instrument
# https://docs.deribit.com/api-reference/market-data/public-get_last_trades_by_currency
#
# Input: {row, repaired}.  repaired: true if it fills a hole that was told.

# Rare enough to be looked for first: a row costs half without it.
def ours:
  if has("kind") or has("currency") or has("received_at") or has("type") then
    del(.kind, .currency, .received_at)
    | with_entries(if .key == "type" then .key = "update_type" else . end)
  else . end;

(.repaired == true) as $repaired
| .row
| ours
| if $repaired then .repaired = true else . end
