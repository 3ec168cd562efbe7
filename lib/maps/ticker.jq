# public/ticker, a reply -> one `ticker` record.
# https://docs.deribit.com/api-reference/market-data/public-ticker
#
# Input: {snapshot_at, row}.  snapshot_at: the moment that all tickers of a
# snapshot have in common, or null.  What is changed is what deribit-ndjson(5)
# says: greeks and stats are hoisted, the empty side of a quote is null.

def nothing: . == null or . == 0;

def side($price; $amount):
  if has($price) and has($amount) and (.[$price] | nothing)
      and (.[$amount] | nothing)
  then .[$price] = null | .[$amount] = null else . end;

. as $in
| .row
| side("best_bid_price"; "best_bid_amount")
| side("best_ask_price"; "best_ask_amount")
| reduce to_entries[] as {$key, $value}
    (if $in.snapshot_at == null then {}
     else {snapshot_at: $in.snapshot_at} end;
     if $key == "greeks" and ($value | type) == "object" then
       . + ($value | del(.type, .kind, .currency, .received_at))
     elif $key == "stats" and ($value | type) == "object" then
       . + ($value | with_entries(.key |= "stats_" + .))
     elif $key == "kind" or $key == "currency" or $key == "received_at" then .
     elif $key == "type" then .update_type = $value
     else .[$key] = $value end)
