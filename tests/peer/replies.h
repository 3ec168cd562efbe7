/* What the hostile peer does wrong when it is asked something: STAGE_CALL. */
#ifndef PEER_REPLIES_H
#define PEER_REPLIES_H

#include "behave.h"

/* Connection N is cut at its Nth request, without a word. */
void cut_at_request(struct talk *t);
/* Replies twice, to what was never asked, and with what was never asked for. */
void double_replies(struct talk *t);
/* The id as a string. */
void string_ids(struct talk *t);
/* Errors to public/hello, and to public/set_heartbeat. */
void hello_error(struct talk *t);
void heartbeat_error(struct talk *t);
/* The first subscribe call: an error that passes, one that does not; a result
 * that is no list. */
void subscribe_later(struct talk *t);
void subscribe_error(struct talk *t);
void subscribe_no_list(struct talk *t);
/* Unsubscribe calls: no reply; an error that passes, for a while. */
void unsubscribe_lost(struct talk *t);
void unsubscribe_later(struct talk *t);
/* Two indices fall silent, one after the other: the one before it is
 * unsubscribed speaks when the file PEER_GO is there, then the one that is
 * being unsubscribed. */
void speak_late(struct talk *t);
/* Book summaries in which the best price of every second option of ours moves;
 * moves and is back; moves, but they are old; moves, but the connection has no
 * index tick. */
void price_moves(struct talk *t);
void price_flickers(struct talk *t);
void price_old(struct talk *t);
void price_unticked(struct talk *t);
/* Every call for data: JSON of every kind; errors; pages without an end. */
void junk_replies(struct talk *t);
void error_replies(struct talk *t);
void endless_pages(struct talk *t);

#endif
