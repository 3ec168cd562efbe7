# public/get_instruments, row by row -> one `instrument` record.
# https://docs.deribit.com/api-reference/market-data/public-get_instruments
# https://docs.deribit.com/api-reference/market-data/public-get_book_summary_by_currency
#
# Input: {received_at, row, summary}.  summary is the instrument's row of the
# book summary, {} if it has none, null if nobody asked.
# $currency: the base currency; $kind: ours, or null for all;
# $inactive: true to keep what is no longer traded.

# The exchange files a perpetual under "future".
def our_kind:
  if .kind == "future" and (.settlement_period == "perpetual"
      or (.instrument_name | endswith("-PERPETUAL")))
  then "perpetual" else .kind end;

# What is in settlement, locked or halted comes back; these do not.
def is_over:
  if .state == null then .is_active == false
  else .state == ("delivered", "archivized", "inactive", "closed", "settled",
    "terminated") end;

. as $in
| .row
| select(.base_currency == $currency)
| our_kind as $ours
| select($kind == null or $ours == $kind)
| select($inactive or ([is_over] | any | not))
| {type: "instrument", kind: $ours, currency: .base_currency,
   received_at: $in.received_at} as $head
| $head + . + $head
| if $in.summary == null then .
  else . + ($in.summary | {open_interest, volume_usd}) end
