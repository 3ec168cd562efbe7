/*
 * What a fuzz target exports: libFuzzer calls it under --enable-fuzzer, else
 * smoke.c does, with seeded input.  A finding is an abort().
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPECT(x)                \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
