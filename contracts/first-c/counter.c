// A counter for the ABI `packed`: `increment (by: i64) -> i64` adds to a number in storage and returns it.

#include <stdint.h>

#define HOST(name) __attribute__((import_module("ethereum"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

HOST("storageLoad") void storage_load(const uint8_t key[32], void *value);
HOST("storageStore") void storage_store(const uint8_t key[32], const void *value);

static const uint8_t KEY[32] = "count";

EXPORT("increment") uint64_t increment(uint64_t by) {
    uint64_t value[4];
    storage_load(KEY, value);
    // A full counter is a trap: the transaction halts and changes nothing.
    if (__builtin_add_overflow(value[0], by, &value[0])) {
        __builtin_trap();
    }
    storage_store(KEY, value);
    return value[0];
}
