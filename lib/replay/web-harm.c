#include "replay/web-harm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replay/rpc.h"

#define LATE_US 3000000
#define DETAIL_SIZE 192

static const char page[] =
    "<!DOCTYPE html>\n<html><head><title>502: Bad gateway</title></head>\n"
    "<body><h1>Bad gateway</h1><p>The web server reported a bad gateway "
    "error.</p></body></html>\n";

/* The method as a member of the truth file, unless it is none. */
static int method_detail(char *out, const char *method)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz_/";

	if (strlen(method) > 64 || method[strspn(method, allowed)] != '\0')
		method = "";
	return snprintf(out, DETAIL_SIZE, "\"method\":\"%s\"", method);
}

static void instead(struct web_harm *out, unsigned status, const char *type)
{
	out->kind = WEB_INSTEAD;
	out->status = status;
	out->type = type;
}

/* With Retry-After, or without. */
static void too_many(struct faults_rule *r, struct web_harm *out,
    struct buf *body, char *detail, size_t size)
{
	static const char *const after[] = {NULL, "1", NULL, "2"};

	instead(out, 429, "text/plain; charset=UTF-8");
	out->retry_after = after[rng_below(&r->rng, 4)];
	buf_adds(body, "error code: 1015");
	snprintf(detail, size, ",\"retry_after\":%s",
	    out->retry_after != NULL ? out->retry_after : "null");
}

static void limit(struct faults_rule *r, struct web_harm *out, struct buf *body,
    char *detail, size_t size)
{
	instead(out, rng_below(&r->rng, 2) ? 400 : 429, "application/json");
	rpc_refuse(body, 10028, "too_many_requests", NULL);
	snprintf(detail, size, ",\"status\":%u", out->status);
}

static void harm(struct faults_rule *r, struct web_harm *out, struct buf *body,
    char *detail, size_t size)
{
	switch (r->kind) {
	case FAULTS_HTTP_429: too_many(r, out, body, detail, size); break;
	case FAULTS_HTTP_502:
		instead(out, 502, "text/html; charset=UTF-8");
		buf_adds(body, page);
		break;
	case FAULTS_HTTP_EMPTY: instead(out, 502, "text/html"); break;
	case FAULTS_HTTP_LIMIT: limit(r, out, body, detail, size); break;
	case FAULTS_HTTP_RESET: out->kind = WEB_RESET; break;
	case FAULTS_HTTP_TRUNCATED:
		out->kind = rng_below(&r->rng, 2) ? WEB_SHORT : WEB_CUT;
		snprintf(detail, size, ",\"mode\":\"%s\"",
		    out->kind == WEB_SHORT ? "short" : "cut");
		break;
	default:
		out->kind = WEB_LATE;
		out->late_us = r->for_us > 0 ? r->for_us : LATE_US;
		break;
	}
}

void web_harm_draw(struct faults *f, const char *method, struct web_harm *out,
    struct buf *body)
{
	const char *name = strncmp(method, "public/", 7) == 0 ? method + 7
	                                                      : method;
	struct faults_rule *hit = NULL;
	char detail[DETAIL_SIZE];
	int n;

	memset(out, 0, sizeof(*out));
	/* Each kind throws, so that none depends on another's luck. */
	for (int k = FAULTS_HTTP_429; k <= FAULTS_HTTP_LATE; k++) {
		struct faults_rule *r = faults_roll(
		    f, (enum faults_kind)k, name, strlen(name));

		if (hit == NULL)
			hit = r;
	}
	if (hit == NULL)
		return;
	n = method_detail(detail, method);
	harm(hit, out, body, detail + n, sizeof(detail) - (size_t)n);
	faults_done(f, hit, 0, detail);
}
