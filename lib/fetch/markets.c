#include "fetch/markets.h"

#include <string.h>

static void market_add(struct markets *m, const char *settlement)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->settlement[i], settlement) == 0)
			return;
	if (m->n < MARKETS_MAX)
		memcpy(
		    m->settlement[m->n++], settlement, strlen(settlement) + 1);
}

void markets_find(struct markets *m, const struct lives *lives, bool sparse)
{
	char settlement[NAME_MAX_LEN + 1];
	struct name name;

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < lives->n; i++) {
		const struct life *f = lives->life[i];

		if ((sparse && !f->sparse) ||
		    name_parse(f->name, strlen(f->name), &name) == -1 ||
		    name.kind != NAME_OPTION)
			continue;
		name_settlement(&name, settlement, sizeof(settlement));
		market_add(m, settlement);
	}
}
