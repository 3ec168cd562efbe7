/*
 * What the hostile peer does wrong: one table, a line a behaviour.  Up to its
 * stage a connection goes as it should.
 */
#ifndef PEER_BEHAVE_H
#define PEER_BEHAVE_H

#include "wire.h"

enum stage {
	STAGE_NONE,      /* does nothing wrong */
	STAGE_CERT,      /* the certificate */
	STAGE_TCP,       /* after accept() */
	STAGE_TLS,       /* after the TLS handshake */
	STAGE_REQUEST,   /* answers the upgrade request */
	STAGE_UPGRADE,   /* after the upgrade */
	STAGE_LOGIN,     /* answers public/auth but the first */
	STAGE_SUBSCRIBE, /* answers public/subscribe */
	STAGE_CALL,      /* is asked anything; says whether it answered */
	STAGE_LIVE       /* after the subscription and one quote */
};

struct talk {
	struct wire w;
	int number; /* of the connection, from 1 */
	char request[8192];
	char channels[40000]; /* the list of the subscribe call, in brackets */
	char instrument[100];
	long id; /* of the subscribe call */
	unsigned long quotes;
	unsigned long pongs;
	unsigned long tests;  /* public/test calls heard */
	unsigned long logins; /* public/auth calls heard */
	bool renewal;         /* the last of them was a refresh_token */
	const char *text;     /* of the request, for STAGE_CALL */
	unsigned long calls;  /* requests heard */
	unsigned long refused, replies; /* for behaviours */
	bool answered;
	bool over;
};

struct behaviour {
	const char *name;
	enum stage stage;
	void (*act)(struct talk *t);
};

/* NULL if there is none of that name; the table ends with name NULL. */
const struct behaviour *behaviour_find(const char *name);
extern const struct behaviour behaviours[];

/* A line on stdout for the test that runs this. */
void event(const struct talk *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* One quote of the instrument; over is set when the client is gone. */
void send_quote(struct talk *t);

/* Takes the channels of a subscribe call. */
void take_channels(struct talk *t, const char *text);

/* Takes one frame of the client's, answering calls as the exchange does. */
void hear(struct talk *t, const struct behaviour *b);

#endif
