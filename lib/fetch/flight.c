#include "fetch/flight.h"

#include <stdlib.h>

int flight_begin(
    struct flight *f, struct flight_call *call, struct fault *fault)
{
	if (rest_submit(f->rest, &call->rest, fault) == -1)
		return -1;
	call->prev = NULL;
	call->next = f->first;
	if (call->next != NULL)
		call->next->prev = call;
	f->first = call;
	return 0;
}

void flight_end(struct flight *f, struct flight_call *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		f->first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
}

void flight_drop(struct flight *f)
{
	struct flight_call *call;

	while ((call = f->first) != NULL) {
		rest_cancel(f->rest, &call->rest);
		flight_end(f, call);
		free(call);
	}
}
