/*
 * What the plan of faults does to a reply over HTTP: decides and says how, and
 * makes the replies that come in place of one; replay/web.c sends.
 */
#ifndef REPLAY_WEB_HARM_H
#define REPLAY_WEB_HARM_H

#include <stdint.h>

#include "base/buf.h"
#include "replay/faults.h"

enum web_harm_kind {
	WEB_WHOLE,
	WEB_INSTEAD, /* another reply, and the call is not made */
	WEB_SHORT,   /* less than Content-Length promises, then the end */
	WEB_CUT,     /* a whole reply over HTTP that is half a text */
	WEB_RESET,   /* reset in the middle */
	WEB_LATE
};

struct web_harm {
	enum web_harm_kind kind;
	unsigned status;         /* of a reply in place; 0: the call's own */
	const char *type;        /* its Content-Type; a literal */
	const char *retry_after; /* seconds; NULL: not said */
	int64_t late_us;
};

/* Throws the dice for a call of this method (public/get_time); a reply in place
 * of the call's is put in body. */
void web_harm_draw(struct faults *f, const char *method, struct web_harm *out,
    struct buf *body);

#endif
