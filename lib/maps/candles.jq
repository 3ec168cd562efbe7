# public/get_tradingview_chart_data, a whole reply -> `candle` records.
# https://docs.deribit.com/api-reference/market-data/public-get_tradingview_chart_data
#
# Input: {instrument_name, resolution, from, to, result}.  Kept are the candles
# that begin within [from, to); either may be null.  mark_iv, if there is one, is
# that of the candle that begins at mark_tick.  The reply is columns, one
# array a member; those that we do not know become members as well.

. as {$instrument_name, $resolution, $from, $to, $mark_tick, $mark_iv}
| .result
| select(.status != "no_data")
| (.ticks | if type == "array" then . else error("ticks is no array") end)
  as $ticks
| ($ticks | length) as $n
| with_entries(select(.key != "ticks" and (.value | type) == "array"))
| if all(.[]; length == $n) then .
  else error("its columns have not the same length") end
| (keys_unsorted
    - ["open", "high", "low", "close", "volume", "cost", "type", "kind",
       "currency", "received_at", "instrument_name", "resolution", "tick"])
  as $others
| . as {$open, $high, $low, $close, $volume, $cost}
| if ([$open, $high, $low, $close, $volume, $cost] | all) then .
  else error("a column is missing") end
| . as $columns
| range($n) as $i
| $ticks[$i] as $tick
| select(($from == null or $tick >= $from) and ($to == null or $tick < $to))
| {$instrument_name, $resolution, $tick, open: $open[$i], high: $high[$i],
   low: $low[$i], close: $close[$i], volume: $volume[$i], cost: $cost[$i]}
| reduce $others[] as $name (.; .[$name] = $columns[$name][$i])
| if $mark_iv != null and $tick == $mark_tick then .mark_iv = $mark_iv
  else . end
